/** Names that topics, directories and metrics can be called after. Pure. */
const NAME = /^[A-Za-z0-9._-]{1,100}$/
/** Kafka's limit, characters. */
export const TOPIC_LENGTH_MAX = 249

export const isSafeName = (name: string): boolean => NAME.test(name) && name !== '.' && name !== '..'

export const NAME_RULE = 'a name has 1 to 100 of the characters A-Z a-z 0-9 . _ -, because topics and directories are called after it'

export const isTopicName = (name: unknown): boolean =>
  typeof name === 'string' && name.length <= TOPIC_LENGTH_MAX && /^[A-Za-z0-9._-]+$/.test(name) && name !== '.' && name !== '..'
