/**
 * Geospatial commands: https://redis.io/docs/latest/commands/?group=geo
 *
 * @since 0.1.0
 */
import type { Option } from "effect/Option"
import {
  type Argument,
  type Command,
  define,
  type IntegerCommand,
  InvalidArgument,
  type KeySpec,
  keyRange,
  type TextCommand,
  type Word
} from "../Command.js"
import {
  atMostOne,
  choice,
  type Entries,
  finite,
  flag,
  many,
  type OneOrMany,
  option,
  presence,
  whole
} from "../internal/arguments.js"
import * as Reply from "../Reply.js"

/** The key, and the one behind `STORE` or `STOREDIST`, which are at position `from` or later. */
const keyAndStore =
  (from: number): KeySpec =>
  (words) => {
    const at = words.findIndex((word, i) => i >= from && (word === "STORE" || word === "STOREDIST"))
    return at === -1 ? [1] : [1, at + 1]
  }

const GEOADD = define("GEOADD")
const GEODIST = define("GEODIST", { readOnly: true })
const GEOHASH = define("GEOHASH", { readOnly: true })
const GEOPOS = define("GEOPOS", { readOnly: true })
const GEORADIUS = define("GEORADIUS", { keys: keyAndStore(6) })
const GEORADIUS_RO = define("GEORADIUS_RO", { readOnly: true })
const GEORADIUSBYMEMBER = define("GEORADIUSBYMEMBER", { keys: keyAndStore(5) })
const GEORADIUSBYMEMBER_RO = define("GEORADIUSBYMEMBER_RO", { readOnly: true })
const GEOSEARCH = define("GEOSEARCH", { readOnly: true })
const GEOSEARCHSTORE = define("GEOSEARCHSTORE", { keys: keyRange(1, 2) })

/**
 * Metres, kilometres, feet or miles.
 *
 * @since 0.1.0
 * @category options
 */
export type GeoUnit = "m" | "km" | "ft" | "mi"

/**
 * A point, in degrees. The server takes longitudes from -180 to 180 and latitudes from -85.05112878 to 85.05112878,
 * and keeps them to within less than a metre.
 *
 * @since 0.1.0
 * @category models
 */
export interface GeoPosition {
  readonly longitude: number
  readonly latitude: number
}

const positionWords = (position: GeoPosition): ReadonlyArray<Word> => [
  finite(position.longitude, "longitude"),
  finite(position.latitude, "latitude")
]

const position = Reply.make((raw): GeoPosition => {
  const [longitude = null, latitude = null] = Reply.items(raw)
  return { longitude: Reply.double.decode(longitude), latitude: Reply.double.decode(latitude) }
})

// -----------------------------------------------------------------------------
// positions
// -----------------------------------------------------------------------------

/**
 * Which members `geoadd` writes.
 *
 * @since 0.1.0
 * @category options
 */
export interface GeoaddOptions {
  /** Only add members (`absent`), or only move those that are there (`present`). */
  readonly onlyIf?: "absent" | "present"
  /** Count the members that moved as well as those added. */
  readonly countChanged?: boolean
}

/**
 * Adds members with their positions, or moves them, and gives how many are new:
 * https://redis.io/docs/latest/commands/geoadd/
 *
 * The key then holds a sorted set. With `countChanged` it is how many are new or moved.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const added = Redis.geoadd("cities", { Palermo: { longitude: 13.361389, latitude: 38.115556 } }) // number
 * ```
 *
 * @since 0.1.0
 * @category geo
 */
export const geoadd = (key: Argument, entries: Entries<GeoPosition>, options: GeoaddOptions = {}): IntegerCommand => {
  const list: ReadonlyArray<readonly [Argument, GeoPosition]> = Array.isArray(entries)
    ? entries
    : Object.entries(entries)
  return GEOADD(
    [
      key,
      ...option(options.onlyIf, (condition) => [choice(condition, presence, "onlyIf")]),
      ...flag(options.countChanged, "CH"),
      ...(list.length === 0
        ? [new InvalidArgument("entries must not be empty")]
        : list.flatMap(([member, at]) => [...positionWords(at), member]))
    ],
    Reply.integer
  )
}

/**
 * Gives the distance between two members: https://redis.io/docs/latest/commands/geodist/
 *
 * `None` when either is absent. The unit is metres unless another is named.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const distance = Redis.geodist("cities", "Palermo", "Catania", { unit: "km" }) // Option<number>
 * ```
 *
 * @since 0.1.0
 * @category geo
 */
export const geodist = (
  key: Argument,
  member1: Argument,
  member2: Argument,
  options: { readonly unit?: GeoUnit } = {}
): Command<Option<number>> =>
  GEODIST([key, member1, member2, ...option(options.unit, (unit) => [unit])], Reply.option(Reply.double))

/**
 * Gives the positions of members as Geohash strings of 11 characters, in the order asked:
 * https://redis.io/docs/latest/commands/geohash/
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const hashes = Redis.geohash("cities", ["Palermo", "Catania"]) // ReadonlyArray<Option<string>>
 * ```
 *
 * @since 0.1.0
 * @category geo
 */
export const geohash = (
  key: Argument,
  members: OneOrMany<Argument>
): TextCommand<ReadonlyArray<Option<string>>, ReadonlyArray<Option<Uint8Array>>> =>
  GEOHASH([key, ...many(members, "members")], Reply.array(Reply.option(Reply.text)))

/**
 * Gives the positions of members, in the order asked: https://redis.io/docs/latest/commands/geopos/
 *
 * They may differ a little from what was added.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const positions = Redis.geopos("cities", ["Palermo"]) // ReadonlyArray<Option<{ longitude, latitude }>>
 * ```
 *
 * @since 0.1.0
 * @category geo
 */
export const geopos = (key: Argument, members: OneOrMany<Argument>): Command<ReadonlyArray<Option<GeoPosition>>> =>
  GEOPOS([key, ...many(members, "members")], Reply.array(Reply.option(position)))

// -----------------------------------------------------------------------------
// searching
// -----------------------------------------------------------------------------

/**
 * The middle of an area: a point, or where a member is.
 *
 * @since 0.1.0
 * @category options
 */
export type GeoCenter = GeoPosition | { readonly member: Argument }

/**
 * Everything within a radius. The unit is metres unless another is named.
 *
 * @since 0.1.0
 * @category options
 */
export interface GeoCircle {
  readonly from: GeoCenter
  readonly radius: number
  readonly unit?: GeoUnit
}

/**
 * A box with sides along the meridians and parallels. The unit is metres unless another is named.
 *
 * @since 0.1.0
 * @category options
 */
export interface GeoBox {
  readonly from: GeoCenter
  readonly width: number
  readonly height: number
  readonly unit?: GeoUnit
}

/**
 * A polygon, by three corners or more; only in Valkey, since 9.0. Distances are then from its middle, in metres.
 *
 * @since 0.1.0
 * @category options
 */
export interface GeoPolygon {
  readonly polygon: ReadonlyArray<GeoPosition>
}

/**
 * Where to search.
 *
 * @since 0.1.0
 * @category options
 */
export type GeoArea = GeoCircle | GeoBox | GeoPolygon

/**
 * Which of the members in an area to take, and in which order.
 *
 * @since 0.1.0
 * @category options
 */
export interface GeoSearchOptions {
  /** By the distance from the middle; in no order by default, but nearest first with `count`. */
  readonly order?: "nearest" | "farthest"
  /** At most so many. */
  readonly count?: number
  /** With `count`: take the first ones found instead of the nearest ones, which is quicker. */
  readonly any?: boolean
}

/**
 * What a search can tell of a member beside its name.
 *
 * @since 0.1.0
 * @category models
 */
export interface GeoDetails {
  /** From the middle of the area, in its unit. */
  readonly distance: number
  /** The position as the server keeps it, an integer of 52 bits: the member's score. */
  readonly hash: number
  readonly position: GeoPosition
}

/**
 * A member found by a search, with the details that were asked for.
 *
 * @since 0.1.0
 * @category models
 */
export type GeoMatch<M, D extends keyof GeoDetails> = { readonly member: M } & Pick<GeoDetails, D>

type DetailNames = ReadonlyArray<keyof GeoDetails>

const centerWords = (center: GeoCenter): ReadonlyArray<Word> =>
  "member" in center ? ["FROMMEMBER", center.member] : ["FROMLONLAT", ...positionWords(center)]

const areaWords = (area: GeoArea): ReadonlyArray<Word> => {
  if ("polygon" in area) {
    return area.polygon.length < 3
      ? [new InvalidArgument("polygon must have at least 3 corners")]
      : ["BYPOLYGON", area.polygon.length, ...area.polygon.flatMap(positionWords)]
  }
  return [
    ...centerWords(area.from),
    ...("radius" in area
      ? ["BYRADIUS", finite(area.radius, "radius", 0)]
      : ["BYBOX", finite(area.width, "width", 0), finite(area.height, "height", 0)]),
    area.unit ?? "m"
  ]
}

const searchWords = (options: GeoSearchOptions): ReadonlyArray<Word> => [
  ...option(options.order, (order) => [choice(order, { nearest: "ASC", farthest: "DESC" }, "order")]),
  ...option(options.count, (count) => ["COUNT", whole(count, "count", 1), ...flag(options.any, "ANY")]),
  ...(options.any === true && options.count === undefined ? [new InvalidArgument("any needs count")] : [])
]

const detailWords = (details: DetailNames = []): ReadonlyArray<Word> => [
  ...flag(details.includes("position"), "WITHCOORD"),
  ...flag(details.includes("distance"), "WITHDIST"),
  ...flag(details.includes("hash"), "WITHHASH")
]

const texts = Reply.array(Reply.text)

const match = <M>(decode: (raw: Reply.Raw) => M, details: DetailNames) => {
  return (raw: Reply.Raw) => {
    if (details.length === 0) return { member: decode(raw) }
    // In this order, whatever the order of the options.
    const [member = null, ...rest] = Reply.items(raw)
    const next = () => rest.shift() ?? null
    return {
      member: decode(member),
      ...(details.includes("distance") ? { distance: Reply.double.decode(next()) } : {}),
      ...(details.includes("hash") ? { hash: Reply.integer.decode(next()) } : {}),
      ...(details.includes("position") ? { position: position.decode(next()) } : {})
    }
  }
}

const matches = (details: DetailNames | undefined): Reply.Reply<unknown> =>
  details === undefined
    ? texts
    : Reply.array(Reply.makeText(match(Reply.text.decode, details), match(Reply.text.asBytes.decode, details)))

/**
 * Gives the members in an area: https://redis.io/docs/latest/commands/geosearch/
 *
 * `with` names the details wanted of each. Empty when there is no key; fails with a `ReplyError` when the member that
 * it should search from is absent.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const area = { from: { longitude: 15, latitude: 37 }, radius: 200, unit: "km" } as const
 * const names = Redis.geosearch("cities", area, { order: "nearest" }) // ReadonlyArray<string>
 * const near = Redis.geosearch("cities", area, { with: ["distance"] }) // ReadonlyArray<{ member, distance }>
 * ```
 *
 * @since 0.1.0
 * @category geo
 */
export const geosearch: {
  <D extends keyof GeoDetails>(
    key: Argument,
    area: GeoArea,
    options: GeoSearchOptions & { readonly with: ReadonlyArray<D> }
  ): TextCommand<ReadonlyArray<GeoMatch<string, D>>, ReadonlyArray<GeoMatch<Uint8Array, D>>>
  (
    key: Argument,
    area: GeoArea,
    options?: GeoSearchOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (key: Argument, area: GeoArea, options: GeoSearchOptions & { readonly with?: DetailNames } = {}): never =>
  GEOSEARCH(
    [key, ...areaWords(area), ...searchWords(options), ...detailWords(options.with)],
    matches(options.with)
  ) as never

/**
 * @since 0.1.0
 * @category options
 */
export interface GeosearchstoreOptions extends GeoSearchOptions {
  /** Store the distances, in the unit of the area, as the scores, instead of the positions. */
  readonly storeDistances?: boolean
}

/**
 * Stores the members in an area at another key, and gives how many they are:
 * https://redis.io/docs/latest/commands/geosearchstore/
 *
 * What the destination held is overwritten; it is deleted when there are none.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const stored = Redis.geosearchstore("near", "cities", { from: { member: "Palermo" }, radius: 200, unit: "km" })
 * ```
 *
 * @since 0.1.0
 * @category geo
 */
export const geosearchstore = (
  destination: Argument,
  source: Argument,
  area: GeoArea,
  options: GeosearchstoreOptions = {}
): IntegerCommand =>
  GEOSEARCHSTORE(
    [destination, source, ...areaWords(area), ...searchWords(options), ...flag(options.storeDistances, "STOREDIST")],
    Reply.integer
  )

// -----------------------------------------------------------------------------
// what GEOSEARCH replaces
// -----------------------------------------------------------------------------

/**
 * @since 0.1.0
 * @category options
 */
export interface GeoradiusOptions extends GeoSearchOptions {
  /** Of the radius and of distances; metres by default. */
  readonly unit?: GeoUnit
}

/**
 * Where to store what was found: with the positions as scores (`store`), or with the distances (`storeDistances`).
 *
 * @since 0.1.0
 * @category options
 */
export type GeoradiusStore = { readonly store: Argument } | { readonly storeDistances: Argument }

interface RadiusOptions extends GeoradiusOptions {
  readonly with?: DetailNames
  readonly store?: Argument
  readonly storeDistances?: Argument
}

const radiusWords = (radius: number, options: RadiusOptions): ReadonlyArray<Word> => [
  finite(radius, "radius", 0),
  options.unit ?? "m",
  ...detailWords(options.with),
  ...searchWords(options),
  ...atMostOne(options, ["store", "storeDistances"]),
  ...option(options.store, (store) => ["STORE", store]),
  ...option(options.storeDistances, (store) => ["STOREDIST", store])
]

const found = (options: RadiusOptions): Reply.Reply<unknown> =>
  options.store === undefined && options.storeDistances === undefined ? matches(options.with) : Reply.integer

/**
 * Gives the members within a radius of a point, or stores them and gives how many they are:
 * https://redis.io/docs/latest/commands/georadius/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const here = { longitude: 15, latitude: 37 }
 * const names = Redis.georadius("cities", here, 200, { unit: "km" }) // ReadonlyArray<string>
 * const stored = Redis.georadius("cities", here, 200, { unit: "km", store: "near" }) // number
 * ```
 *
 * @deprecated use `geosearch` and `geosearchstore`
 * @since 0.1.0
 * @category geo
 */
export const georadius: {
  (key: Argument, from: GeoPosition, radius: number, options: GeoradiusOptions & GeoradiusStore): IntegerCommand
  <D extends keyof GeoDetails>(
    key: Argument,
    from: GeoPosition,
    radius: number,
    options: GeoradiusOptions & { readonly with: ReadonlyArray<D> }
  ): TextCommand<ReadonlyArray<GeoMatch<string, D>>, ReadonlyArray<GeoMatch<Uint8Array, D>>>
  (
    key: Argument,
    from: GeoPosition,
    radius: number,
    options?: GeoradiusOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (key: Argument, from: GeoPosition, radius: number, options: RadiusOptions = {}): never =>
  GEORADIUS([key, ...positionWords(from), ...radiusWords(radius, options)], found(options)) as never

/**
 * Like `georadius`, but it never stores, so that a replica may answer: https://redis.io/docs/latest/commands/georadius_ro/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const names = Redis.georadius_ro("cities", { longitude: 15, latitude: 37 }, 200, { unit: "km" })
 * ```
 *
 * @deprecated use `geosearch`
 * @since 0.1.0
 * @category geo
 */
export const georadius_ro: {
  <D extends keyof GeoDetails>(
    key: Argument,
    from: GeoPosition,
    radius: number,
    options: GeoradiusOptions & { readonly with: ReadonlyArray<D> }
  ): TextCommand<ReadonlyArray<GeoMatch<string, D>>, ReadonlyArray<GeoMatch<Uint8Array, D>>>
  (
    key: Argument,
    from: GeoPosition,
    radius: number,
    options?: GeoradiusOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (
  key: Argument,
  from: GeoPosition,
  radius: number,
  options: GeoradiusOptions & { readonly with?: DetailNames } = {}
): never => GEORADIUS_RO([key, ...positionWords(from), ...radiusWords(radius, options)], matches(options.with)) as never

/**
 * Gives the members within a radius of a member, or stores them and gives how many they are:
 * https://redis.io/docs/latest/commands/georadiusbymember/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const names = Redis.georadiusbymember("cities", "Palermo", 200, { unit: "km" }) // ReadonlyArray<string>
 * ```
 *
 * @deprecated use `geosearch` and `geosearchstore`
 * @since 0.1.0
 * @category geo
 */
export const georadiusbymember: {
  (key: Argument, member: Argument, radius: number, options: GeoradiusOptions & GeoradiusStore): IntegerCommand
  <D extends keyof GeoDetails>(
    key: Argument,
    member: Argument,
    radius: number,
    options: GeoradiusOptions & { readonly with: ReadonlyArray<D> }
  ): TextCommand<ReadonlyArray<GeoMatch<string, D>>, ReadonlyArray<GeoMatch<Uint8Array, D>>>
  (
    key: Argument,
    member: Argument,
    radius: number,
    options?: GeoradiusOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (key: Argument, member: Argument, radius: number, options: RadiusOptions = {}): never =>
  GEORADIUSBYMEMBER([key, member, ...radiusWords(radius, options)], found(options)) as never

/**
 * Like `georadiusbymember`, but it never stores, so that a replica may answer:
 * https://redis.io/docs/latest/commands/georadiusbymember_ro/
 *
 * Deprecated since Redis 6.2.
 *
 * @example
 * ```ts
 * import { Redis } from "@effect-resp/core"
 *
 * const names = Redis.georadiusbymember_ro("cities", "Palermo", 200, { unit: "km" }) // ReadonlyArray<string>
 * ```
 *
 * @deprecated use `geosearch`
 * @since 0.1.0
 * @category geo
 */
export const georadiusbymember_ro: {
  <D extends keyof GeoDetails>(
    key: Argument,
    member: Argument,
    radius: number,
    options: GeoradiusOptions & { readonly with: ReadonlyArray<D> }
  ): TextCommand<ReadonlyArray<GeoMatch<string, D>>, ReadonlyArray<GeoMatch<Uint8Array, D>>>
  (
    key: Argument,
    member: Argument,
    radius: number,
    options?: GeoradiusOptions
  ): TextCommand<ReadonlyArray<string>, ReadonlyArray<Uint8Array>>
} = (
  key: Argument,
  member: Argument,
  radius: number,
  options: GeoradiusOptions & { readonly with?: DetailNames } = {}
): never => GEORADIUSBYMEMBER_RO([key, member, ...radiusWords(radius, options)], matches(options.with)) as never
