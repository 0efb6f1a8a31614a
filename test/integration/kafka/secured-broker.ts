/**
 * A broker with listeners that want something: TLS with SASL PLAIN, TLS with a client certificate, SCRAM with sessions that end; and access rules.
 * A Java process of its own, whatever Kafka the other tests have; it ends with the test or, at the latest, with jest.
 */
import { execFile, spawn } from 'node:child_process'
import { createSign, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { clusterRules } from '../../../deploy/local-kafka/broker-properties.ts'
import { clusterReady } from '../../../deploy/local-kafka/cluster-probe.ts'
import { freePort } from '../../../deploy/local-kafka/free-port.ts'
import { kafkaJava } from '../../../deploy/local-kafka/kafka-jars.ts'

const run = promisify(execFile)
const READY_MS_MAX = 120_000
/** Everything secret in these tests. */
export const PASSWORD = 'test-only'
export const USER = 'millrace'

export interface SecuredBroker {
  /** No TLS, no login. */
  readonly open: string
  readonly saslOverTls: string
  readonly mutualTls: string
  /** SCRAM without TLS; a session ends after 12 s. */
  readonly scram: string
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  stop(): Promise<void>
}

export async function securedBroker(): Promise<SecuredBroker> {
  const { java, classPath } = await kafkaJava(() => undefined)
  const dir = mkdtempSync(join(tmpdir(), 'millrace-secured-'))
  await makeCertificates(dir)
  const ports = {
    open: await freePort(),
    controller: await freePort(),
    tls: await freePort(),
    mtls: await freePort(),
    scram: await freePort(),
  }
  const config = join(dir, 'server.properties')
  writeFileSync(config, properties(dir, ports))
  const credentials = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${USER},password=${PASSWORD}]`,
  ])
  await run(java, ['-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qg', '-c', config, ...credentials])
  const stop = startGuarded(java, ['-Xmx384m', '-XX:+UseSerialGC', '-cp', classPath, 'kafka.Kafka', config], join(dir, 'broker.log'))
  const at = (port: number): string => `127.0.0.1:${port}`
  await clusterReady([at(ports.open)], 1, READY_MS_MAX, () => undefined)
  return {
    open: at(ports.open),
    saslOverTls: at(ports.tls),
    mutualTls: at(ports.mtls),
    scram: at(ports.scram),
    caFile: join(dir, 'ca.pem'),
    certFile: join(dir, 'client.pem'),
    keyFile: join(dir, 'client.key'),
    async stop() {
      await stop()
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** The shell holds the broker and asks every second whether this process is still there. */
function startGuarded(program: string, words: readonly string[], logFile: string): () => Promise<void> {
  const script = `log=$1; parent=$2; shift 2
    "$@" >"$log" 2>&1 & broker=$!
    trap 'kill -9 $broker; exit' TERM
    while kill -0 $parent && kill -0 $broker; do sleep 1 & wait $!; done
    kill -9 $broker`
  const shell = spawn('sh', ['-c', script, 'guard', logFile, String(process.pid), program, ...words], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => shell.once('exit', () => resolve()))
  return () => {
    shell.kill('SIGTERM')
    return ended
  }
}

function properties(dir: string, ports: { open: number; controller: number; tls: number; mtls: number; scram: number }): string {
  const listeners = { OPEN: ports.open, TLS: ports.tls, MTLS: ports.mtls, SCRAM: ports.scram }
  const advertised = Object.entries(listeners).map(([name, port]) => `${name}://127.0.0.1:${port}`)
  const scramLogin = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const all = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: [...advertised, `CONTROLLER://127.0.0.1:${ports.controller}`].join(','),
    'advertised.listeners': advertised.join(','),
    'listener.security.protocol.map': 'OPEN:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SASL_SSL,MTLS:SSL,SCRAM:SASL_PLAINTEXT',
    'inter.broker.listener.name': 'OPEN',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(dir, 'data'),
    'ssl.keystore.location': join(dir, 'broker.p12'),
    'ssl.keystore.password': PASSWORD,
    'ssl.truststore.location': join(dir, 'broker.p12'),
    'ssl.truststore.password': PASSWORD,
    'listener.name.mtls.ssl.client.auth': 'required',
    'listener.name.tls.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.tls.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`,
    'listener.name.scram.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.scram.scram-sha-256.sasl.jaas.config': scramLogin,
    'listener.name.scram.scram-sha-512.sasl.jaas.config': scramLogin,
    'listener.name.scram.scram-sha-512.connections.max.reauth.ms': 12_000,
    // A topic without access rules is for everyone; who comes without a login may do everything, the broker itself included.
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': true,
    'super.users': 'User:ANONYMOUS',
    ...clusterRules(1),
  }
  return Object.entries(all)
    .map(([key, value]) => `${key}=${String(value)}\n`)
    .join('')
}

/** An authority of our own, and what it signs for the broker and for a client. */
async function makeCertificates(dir: string): Promise<void> {
  const keytool = (...words: string[]): Promise<unknown> => run('keytool', [...words, '-storepass', PASSWORD], { cwd: dir })
  const pair = (name: string, ...more: string[]): Promise<unknown> =>
    keytool('-genkeypair', '-alias', name, '-dname', `CN=${name}`, '-keyalg', 'RSA', '-validity', '2', '-keystore', `${name}.p12`, ...more)
  await pair('ca', '-ext', 'bc:c')
  await keytool('-exportcert', '-rfc', '-alias', 'ca', '-keystore', 'ca.p12', '-file', 'ca.pem')
  const sign = (name: string): Promise<unknown> => {
    const names = ['-ext', 'san=dns:localhost,ip:127.0.0.1']
    return keytool('-gencert', '-rfc', '-alias', 'ca', '-keystore', 'ca.p12', '-infile', `${name}.csr`, '-outfile', `${name}.pem`, ...names)
  }
  await pair('broker')
  await keytool('-certreq', '-alias', 'broker', '-keystore', 'broker.p12', '-file', 'broker.csr')
  await sign('broker')
  await keytool('-importcert', '-noprompt', '-alias', 'ca', '-file', 'ca.pem', '-keystore', 'broker.p12')
  await keytool('-importcert', '-noprompt', '-alias', 'broker', '-file', 'broker.pem', '-keystore', 'broker.p12')
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(join(dir, 'client.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(join(dir, 'client.csr'), signingRequest('client', publicKey, privateKey))
  await sign('client')
}

/** PKCS #10 (RFC 2986), as keytool takes it: Java does not give a private key out as PEM, and openssl is not everywhere. */
function signingRequest(commonName: string, publicKey: KeyObject, privateKey: KeyObject): string {
  const der = (tag: number, ...contents: readonly Buffer[]): Buffer => {
    const content = Buffer.concat(contents)
    const { length } = content
    const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
    return Buffer.concat([Buffer.from([tag, ...size]), content])
  }
  const sequence = (...contents: readonly Buffer[]): Buffer => der(0x30, ...contents)
  const commonNameId = der(0x06, Buffer.from('550403', 'hex'))
  const sha256WithRsa = sequence(der(0x06, Buffer.from('2a864886f70d01010b', 'hex')), der(0x05))
  const subject = sequence(der(0x31, sequence(commonNameId, der(0x0c, Buffer.from(commonName)))))
  const request = sequence(der(0x02, Buffer.from([0])), subject, publicKey.export({ type: 'spki', format: 'der' }), der(0xa0))
  const signed = sequence(request, sha256WithRsa, der(0x03, Buffer.from([0]), createSign('sha256').update(request).sign(privateKey)))
  return `-----BEGIN CERTIFICATE REQUEST-----\n${signed.toString('base64').replaceAll(/.{64}/gu, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`
}
