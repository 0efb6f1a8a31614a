/** Limits of the Kafka home, each with its unit and reason. */

/** A batch is closed below this: under the broker's default max.message.bytes (1,048,588), with room for a topic set somewhat lower. */
export const BATCH_BYTES_MAX = 900_000
/** Batches of one Produce request to one broker: far below socket.request.max.bytes (100 MiB), and bounds what a send holds in memory. */
export const PRODUCE_BYTES_MAX = 8 * 1024 * 1024
/** A record that no broker with default settings can take: refused here instead of losing the connection by it. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024
/** No answer is larger (we ask for far less, and a broker takes no larger record either): what says so is no Kafka answer. HTTP and TLS read as one of more. */
export const ANSWER_BYTES_MAX = 256 * 1024 * 1024
/** How long a leader election or a coordinator's move may take before a call gives up, ms. */
export const LEADER_WAIT_MS_MAX = 30_000
/** A topic that was just created is unknown to some brokers for a moment; one that does not exist should be told soon, ms. */
export const MISSING_TOPIC_WAIT_MS_MAX = 3_000
/** How long InitProducerId may wait for an earlier transaction of the same id to complete, ms. */
export const INITIALISE_MS_MAX = 30_000
/** First pause after CONCURRENT_TRANSACTIONS, ms: the markers of the transaction before are written in about this time. */
export const CONCURRENT_PAUSE_MS = 2
export const CONCURRENT_PAUSE_MS_MAX = 50

/** Upper bound of one fetch answer of one broker, bytes. */
export const FETCH_BYTES_MAX = 16 * 1024 * 1024
/** Fetched and not yet delivered, bytes: above it a reader asks for no more. */
export const UNDELIVERED_BYTES_MAX = 32 * 1024 * 1024
/** A reader decodes and delivers for at most this long before it lets heartbeats and answers have a turn, ms. */
export const DELIVERY_SLICE_MS = 8
/** How long the second fetch of a broker waits for data, ms: the bound of what a new assignment waits for. */
export const EXPRESS_WAIT_MS = 10
export const READ_RETRY_MS = 50
export const READ_RETRY_MS_MAX = 1_000
/** A topic that stays unknown for this long is gone, ms. */
export const TOPIC_GONE_AFTER_MS = 5_000

/** How long `committed` waits for pending transactions on the positions, ms: longer than the default transaction time-out. */
export const PENDING_POSITIONS_WAIT_MS_MAX = 30_000
/** How long creating topics may take until every partition has a leader, ms. */
export const TOPIC_READY_MS_MAX = 30_000
