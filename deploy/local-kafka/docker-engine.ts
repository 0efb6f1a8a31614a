/**
 * Docker: whether an engine answers, and the Kafka of docker-compose.yml. A docker command without an engine behind it is common
 * (this project's own build machines have one), so only the engine's own answer counts.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { repositoryRoot } from './kafka-jars.ts'

const run = promisify(execFile)
const answerWithinMs = 5_000
const composeUpWithinMs = 600_000

/** Whether `docker info` reaches an engine. */
export async function dockerEngineAnswers(): Promise<boolean> {
  return succeeds(['info', '--format', '{{.ServerVersion}}'])
}

/** Whether `docker compose` can be used: an engine and the plugin. */
export async function composeAnswers(): Promise<boolean> {
  return (await dockerEngineAnswers()) && (await succeeds(['compose', 'version']))
}

/** Starts the service `kafka` of docker-compose.yml, published on `port` of this machine, and waits until it is healthy. */
export async function composeUp(port: number): Promise<void> {
  await compose(['up', '--detach', '--wait', 'kafka'], port)
}

export async function composeDown(): Promise<void> {
  await compose(['rm', '--stop', '--force', '--volumes', 'kafka'], 0)
}

async function compose(words: readonly string[], port: number): Promise<void> {
  await run('docker', ['compose', '--project-directory', repositoryRoot, ...words], {
    timeout: composeUpWithinMs,
    env: { ...process.env, ...(port === 0 ? {} : { KAFKA_PORT: String(port) }) },
  })
}

/** No program, no engine, no plugin: each is an answer here, not a failure. */
function succeeds(words: readonly string[]): Promise<boolean> {
  return run('docker', words, { timeout: answerWithinMs }).then(
    ({ stdout }) => stdout.trim() !== '',
    () => false,
  )
}
