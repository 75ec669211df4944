/**
 * Following a cursor, page by page.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Page } from "../Reply.js"

/** What all pages have, each asked for when it is needed. */
export const scanPages = <A, E, R>(
  page: (cursor: string) => Effect.Effect<Page<ReadonlyArray<A>>, E, R>
): Stream.Stream<A, E, R> =>
  Stream.paginateChunkEffect("0", (cursor) =>
    Effect.map(page(cursor), ({ cursor, items }) => [
      Chunk.unsafeFromArray(items),
      cursor === "0" ? Option.none() : Option.some(cursor)
    ])
  )
