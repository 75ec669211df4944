/**
 * What the client promises when something goes wrong, numbered. A test that shows scenario 18 has a title that says
 * `scenario 18: …`; `npm run reliability` lists them in docs/reliability.md.
 */
export interface Scenario {
  readonly number: number
  readonly area: string
  /** What the client does, in one sentence. */
  readonly promise: string
  /** Why there is no test. */
  readonly leftOut?: string
}

const areas: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  "Protocol: reading and writing": {
    1: "However the network cuts traffic into pieces, the same values come out, in order, with nothing left over.",
    2: "Text is exact, also when a piece ends within a character.",
    3: "The time to read a reply grows with its length and no faster, and its memory to no more than about twice its size.",
    4: "A reply nested deeper than a stated limit is a ProtocolError and ends its connection; the process lives on.",
    5: "A length that no server may send is refused when its header is read, before memory is taken or anything waited for.",
    6: "A malformed number, boolean, length or line end is a ProtocolError and ends the connection; nothing is guessed.",
    7: "An integer is exact over the whole 64-bit range; what a number cannot hold is a bigint or a typed error, never rounded.",
    8: "Doubles and big numbers come as what they are: infinities, NaN in any spelling, exponents, minus zero, any digits.",
    9: "A field named `__proto__`, `constructor` or `toString` is a field like any other, and changes nothing else.",
    10: "A push message that arrives within another reply goes to its subscribers and does not count as a part of that reply.",
    11: "Attributes, unknown extra fields, odd map keys and maps of odd length never shift the replies that follow.",
    12: "A reply that nobody waits for ends the connection; it is never kept for the next command.",
    13: "A decoder or schema that fails or throws fails its own command alone; the replies after it reach their own commands.",
    14: "A value longer than the longest JavaScript string is a typed error as text, and comes whole as bytes.",
    15: "A small value that is kept does not hold on to the large chunk of memory that it was read from.",
    16: "Any text or bytes travel as they are: lengths are counted in bytes and nothing in a value becomes a command.",
    17: "An argument that cannot be sent exactly is refused before a byte is written, and an option of zero is sent as zero."
  },
  "The life of a connection": {
    18: "A command whose reply was lost fails with the outcome Unknown and is not sent again.",
    19: "A transaction or pipeline whose replies were lost fails with the outcome Unknown and is not sent again.",
    20: "A command that timed out is never sent or sent again after the connection has come back.",
    21: "With a peer that has gone silent every command ends by its deadline, and the watchdog ends the connection.",
    22: "A connection that is given up is reset, so that what was still on its way does not run later, also under TLS.",
    23: "A connection that ends in the middle of a reply fails that command and those behind it with Unknown; the rest of the bytes is forgotten.",
    24: "Writing to a connection that the peer has closed is a lost connection, not a crash.",
    25: "A connection that dies in any step of its set-up, or while credentials are fetched, is tried again and never taken for ready.",
    26: "A connection whose set-up is answered too late is thrown away, and no command of the program overtakes the set-up.",
    27: "What an old connection still emits does nothing to the one that has replaced it.",
    28: "After a reconnect, the protocol, credentials, database and name are set and acknowledged before the first command of the program.",
    29: "Refused credentials are a typed error, without endless attempts; a server that does not know RESP3 is spoken to in RESP2.",
    30: "A server that turns a connection away with an error before any command was sent is quoted in the connection's error.",
    31: "A server that answers a heartbeat with an error is alive: the connection stays.",
    32: "Closing a client ends within a bound at any time and in any state, and so does every command that is pending.",
    33: "No fault makes an unhandled rejection, an uncaught exception or an error event that nobody listens to.",
    34: "While a server does not take what is sent, waiting commands are limited in number and bytes, and end by their deadlines.",
    35: "A reply that has arrived while the program kept the event loop busy is taken, also when the deadline has passed meanwhile.",
    36: "Thousands of connections made and killed leave no listener, timer, handle or memory behind, and the process can exit."
  },
  "Pooled and reserved connections": {
    37: "A reserved connection that was left in any unusual state is cleaned and checked, or closed, before it is lent again.",
    38: "The state of a connection is what the server has acknowledged, not what was asked for.",
    39: "After RESET a connection is set up anew or closed; it is never used without its credentials, database and protocol.",
    40: "An idle connection that has ended, or that has bytes nobody asked for, is not lent.",
    41: "When a connection cannot be made, who waits for it fails or gets another one, and the pool keeps its size.",
    42: "Interrupting those who wait for a reserved connection loses no place in the pool and no turn of the others.",
    43: "A blocking command never rides on the shared connection, and its deadline is its own timeout with a margin.",
    44: "A reserved connection that is used after its scope is a typed error, and nothing is written."
  },
  Interruption: {
    45: "A command that is interrupted while it waits to be written is never written.",
    46: "The reply to a command that was interrupted after it was written is dropped, and the next command gets its own.",
    47: "In a storm of ten thousand commands with interruptions at random, each survivor gets its own reply.",
    48: "Interrupting a blocking command ends its connection, and the pool is whole again.",
    49: "An interruption during cleaning up, also a second one, leaks nothing and blocks nothing.",
    50: "A command that timed out or was interrupted frees its caller at once, and its place in flight exactly once.",
    51: "A command that is moved from one connection to another while it is interrupted ends once and is not sent."
  },
  Pipelines: {
    52: "A command that fails in a pipeline leaves the results of the others in their own places.",
    53: "A connection that dies in a pipeline leaves the results that had come, and says of each of the others whether it was sent.",
    54: "A pipeline of any length is sent without exhausting the stack, and others are served meanwhile.",
    55: "A pipeline with an argument that cannot be sent writes nothing at all.",
    56: "What must not share a connection is kept out of the shared pipeline, and a redirection concerns one command alone."
  },
  Transactions: {
    57: "A command that the server refuses to queue aborts the whole transaction, and the error names it.",
    58: "MULTI or WATCH within a transaction is refused before anything is sent.",
    59: "A command that fails within EXEC fails in its own place, and the results of the others are not lost.",
    60: "A key that changed is a WatchError in either protocol; an empty commit is none, and a refused command is told apart from it.",
    61: "A WATCH whose connection was lost is a WatchError: nothing is committed.",
    62: "A transaction whose EXEC was sent and not answered has the outcome Unknown and is not run again.",
    63: "Transactions never interleave, and none of their commands ever runs outside when the connection dies on the way.",
    64: "A transaction that EXEC refuses for the state of the server was not applied, and its error says so.",
    65: "A command that changes the protocol or the session is refused within a transaction, before anything is sent.",
    66: "A loop of optimistic locking is bounded and jittered, repeats nothing but conflicts, and unwatches on every way out."
  },
  "Pub/sub and invalidation": {
    67: "After a reconnect all subscriptions are back, and each subscriber sees a Gap where messages may be missing.",
    68: "Connections that drop again while subscriptions are made anew lose none of them.",
    69: "An unsubscribe that meets a reconnect settles, and what was unsubscribed does not come back.",
    70: "A shard channel that the server takes away is not mistaken for an answer, and is subscribed again.",
    71: "Of several subscribers to one channel, one that ends leaves the others theirs.",
    72: "A subscription that the server refuses fails its own subscriber alone, also when it is made anew.",
    73: "A slow subscriber has a bounded buffer with a strategy of its choice, and every loss shows as a Gap.",
    74: "Pub/sub works the same in RESP2, and assumes nothing of the order of a publisher's own messages and replies.",
    75: "A subscription connection that has gone silent is found by a heartbeat.",
    76: "A client-side cache never serves what was invalidated, and forgets everything when its connection is lost."
  },
  Monitor: {
    77: "Every line of MONITOR is read exactly, whatever its quotes, escapes, bytes or addresses, in time that grows with its length alone.",
    78: "MONITOR has a connection of its own, on which nothing else is sent.",
    79: "A slow reader of MONITOR is bounded, the end of its scope closes the connection, and nothing it shows is logged."
  },
  Cluster: {
    80: "A MOVED is followed a bounded number of times, teaches its slot at once, and refreshes the map once, not in a storm.",
    81: "An ASK is followed once, with ASKING right before the command, and leaves the map as it was.",
    82: "TRYAGAIN is answered with bounded, spaced attempts, and is a typed error in the end.",
    83: "A transaction that is redirected, while queuing or by EXEC, goes to the other node as a whole.",
    84: "A redirection to the same node, to no or an unknown host, to port 0 or to an IPv6 address is followed sensibly or refused.",
    85: "When a primary is killed under load, reads go on, writes that were sent are Unknown, and all is well again within seconds.",
    86: "Commands that wait for a node that is gone run once at its successor, all of them, those of a pipeline in order.",
    87: "Keys in several slots are refused before a byte is sent, but for the few commands that are known to be split into parts.",
    88: "A map that is malformed or names unusable nodes neither crashes the client nor keeps it busy for ever.",
    89: "Shard channels follow their slot to its new owner.",
    90: "A blocking command whose node becomes a replica has not run, and may be tried again.",
    91: "After all nodes have restarted, or only part of them is left, the seeds are asked again and replicas are set up for reading again."
  },
  Sentinel: {
    92: "A sentinel that is dead, slow or ignorant delays the search by a moment, and its error tells which it was.",
    93: "A server's role is checked before it is used; what a sentinel says that is out of date is asked again.",
    94: "A failover ends every connection to the old primary at once, and so does a READONLY.",
    95: "The failover is found also without the sentinels' announcement, and lost sentinels leave nothing behind."
  },
  Security: {
    96: "TLS verifies the chain and the name by default; each kind of refusal, and plaintext on either side, is told at once and by name.",
    97: "Addresses learnt from servers inherit TLS, credentials and deadlines, and an address map may refuse them.",
    98: "The slot, host and port of a redirection are checked before they are used.",
    99: "Passwords appear in no error, inspection, log or span, in no encoding, and values in none of them either.",
    100: "Commands are sent as arrays of byte strings and never inline; names are checked, and scripts get values only as KEYS and ARGV."
  }
}

const leftOut: Readonly<Record<number, string>> = {
  76: "There is no client-side cache yet."
}

/** All scenarios, in order. */
export const catalogue: ReadonlyArray<Scenario> = Object.entries(areas).flatMap(([area, promises]) =>
  Object.entries(promises).map(([key, promise]) => {
    const number = Number(key)
    const reason = leftOut[number]
    return { number, area, promise, ...(reason === undefined ? {} : { leftOut: reason }) }
  })
)
