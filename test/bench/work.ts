/** What a contender's process is asked to do: plain data, sent to it. */

export type Work = Repeated | Watch | Unasked | Fresh | Import

/** Commands, again and again. */
export type Repeated = OnServer | OnCluster

export type OnServer =
  | { readonly kind: "get" | "set" | "mixed"; readonly bytes: number; readonly workers: number }
  | { readonly kind: "hgetall" | "lrange"; readonly size: number; readonly workers: number }
  | { readonly kind: "pipeline"; readonly size: number }
  | { readonly kind: "transaction"; readonly size: number; readonly workers: number }

/** Of random keys. */
export type OnCluster =
  | { readonly kind: "cluster-get" | "cluster-set"; readonly workers: number }
  | { readonly kind: "cluster-pipeline"; readonly size: number }

export interface Watch {
  readonly kind: "watch"
  /** All workers want the same key; else each has its own. */
  readonly contended: boolean
  readonly workers: number
}

/** What comes without being asked for. */
export type Unasked = { readonly kind: "pubsub"; readonly subscribers: number } | { readonly kind: "monitor" }

/** What is measured once in a process of its own. */
export type Fresh =
  | { readonly kind: "first-reply" }
  | { readonly kind: "idle-connection"; readonly count: number }
  | { readonly kind: "in-flight"; readonly count: number }

export interface Import {
  readonly kind: "import"
  /** What the process has imported before. */
  readonly after: ReadonlyArray<string>
}

const onServer = new Set<Work["kind"]>(["get", "set", "mixed", "hgetall", "lrange", "pipeline", "transaction"])

export const isOnServer = (work: Work): work is OnServer => onServer.has(work.kind)

export const isOnCluster = ({ kind }: Work): boolean => kind.startsWith("cluster-")

/** Whether each sample needs a process of its own. */
export const isFresh = ({ kind }: Work): boolean =>
  kind === "first-reply" || kind === "idle-connection" || kind === "in-flight" || kind === "import"

/** Where the servers are. */
export interface Target {
  readonly host: string
  readonly port: number
  /** The ports of the cluster's nodes; empty while there is none. */
  readonly clusterPorts: ReadonlyArray<number>
}

/** What the servers hold before anything is measured. */
export const valueKey = (bytes: number): string => `value:${bytes}`
export const hashKey = (size: number): string => `hash:${size}`
export const listKey = (size: number): string => `list:${size}`
export const valueOf = (bytes: number): string => "x".repeat(bytes)
export const sizes = { values: [64, 1024, 65_536, 1_048_576], collections: [1000], clusterKeys: 10_000 } as const
export const clusterKey = (index: number): string => `key:${index}`

/** What SET writes, so that it does not touch what GET reads. */
export const writtenKey = "written"
