/**
 * Reads a topic with Kafka's own console consumer (Java, read_committed): an independent reader, written by others, so that an error of
 * our client cannot hide itself. The jars are those of the local broker; without Java our own reader is used, and the demo says so.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { kafkaJava } from '../../deploy/local-kafka/kafka-jars.ts'

export interface Line {
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
}

const SEPARATOR = '\u0001'
const NULL_TEXT = '\u0002'

/** Reads everything that is committed now: ends when nothing came for `quietMs`. */
export async function readWithConsoleConsumer(brokers: readonly string[], topic: string, quietMs = 3_000): Promise<Line[]> {
  const { java, classPath } = await kafkaJava(() => undefined)
  const words = [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-cp',
    classPath,
    'org.apache.kafka.tools.consumer.ConsoleConsumer',
    '--bootstrap-server',
    brokers.join(','),
    '--topic',
    topic,
    '--from-beginning',
    '--isolation-level',
    'read_committed',
    '--timeout-ms',
    String(quietMs),
    ...['print.key=true', 'print.partition=true', `key.separator=${SEPARATOR}`, `null.literal=${NULL_TEXT}`].flatMap((property) => [
      '--property',
      property,
    ]),
  ]
  const child = spawn(java, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString('utf8')))
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const lines: Line[] = []
  for await (const text of createInterface({ input: child.stdout })) {
    const line = parseLine(text)
    if (line !== undefined) lines.push(line)
  }
  const code = await ended
  // It ends with 1 when its time-out ended it, which is what we asked for.
  const timedOut = complaints.includes('TimeoutException') || complaints.includes('Processed a total of')
  if (code !== 0 && !timedOut)
    throw new Error(`Kafka's console consumer ended with code ${code} on topic ${topic}: ${complaints.slice(0, 500)}`)
  return lines
}

function parseLine(text: string): Line | undefined {
  const [partition, key, ...rest] = text.split(SEPARATOR)
  if (partition === undefined || key === undefined || !partition.startsWith('Partition:')) return undefined
  const value = rest.join(SEPARATOR)
  return {
    partition: Number(partition.slice('Partition:'.length)),
    key: key === NULL_TEXT ? null : key,
    value: value === NULL_TEXT ? null : value,
  }
}
