/** docker-compose.yml, the Dockerfile and what they mount fit each other and the code, as far as that can be seen without a Docker engine. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { brokerEnvironment, clusterRules } from '../../../deploy/local-kafka/broker-properties.ts'
import { settingKeys, variableOf } from '../../../libs/runtime/settings/settings.ts'
import { repositoryRoot } from '../../support/architecture/source-file.ts'

const Service = z.object({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  ports: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  volumes: z.array(z.string()).default([]),
  command: z.array(z.string()).default([]),
  depends_on: z
    .union([z.array(z.string()), z.record(z.string(), z.object({ condition: z.string() }))])
    .transform((needs) => (Array.isArray(needs) ? needs : Object.keys(needs)))
    .default([]),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
})
const Compose = z.object({ services: z.record(z.string(), Service), volumes: z.record(z.string(), z.null()) })

const compose = Compose.parse(parse(read('docker-compose.yml'), { merge: true }))
const services = Object.entries(compose.services).map(([name, service]) => ({ name, ...service }))
const workers = services.filter((service) => service.name.startsWith('worker-'))
const dockerfile = read('deploy/Dockerfile')
const knownVariables: readonly string[] = settingKeys.map(variableOf)

function read(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8')
}

describe('docker-compose.yml', () => {
  it.each(services)('pins the image of $name', ({ image }) => {
    expect(image).toMatch(/:[\w.-]+$/u)
    expect(image).not.toMatch(/:latest$/u)
  })

  it.each(services)('publishes the ports of $name on this machine only', ({ ports }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/u)
  })

  it.each(services)('names only services, volumes and files that exist, for $name', ({ depends_on: needs, volumes }) => {
    for (const need of needs) expect(Object.keys(compose.services)).toContain(need)
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('.')) expect({ source, exists: existsSync(join(repositoryRoot, source)) }).toEqual({ source, exists: true })
      else expect(Object.keys(compose.volumes)).toContain(source)
    }
  })

  it('publishes each port once', () => {
    const ports = services.flatMap((service) => service.ports.map((port) => port.replace(/:\d+$/u, '')))
    expect(new Set(ports).size).toBe(ports.length)
  })

  it('runs Kafka under the same rules as the local brokers', () => {
    const environment = Object.fromEntries(
      Object.entries(compose.services['kafka']?.environment ?? {}).map(([key, value]) => [key, String(value)]),
    )
    expect(environment).toMatchObject(brokerEnvironment(clusterRules(1)))
  })

  it('runs the same version of Kafka as pom.xml and the tests', () => {
    const version = /<kafka.version>([\d.]+)</u.exec(read('deploy/local-kafka/pom.xml'))?.[1]

    expect(compose.services['kafka']?.image).toBe(`apache/kafka:${version}`)
    expect(read('test/support/kafka-containers.ts')).toContain(`'apache/kafka:${version}'`)
  })

  it('has two workers, each with state of its own, without rights and with a root that it cannot write', () => {
    expect(workers).toHaveLength(2)
    expect(new Set(workers.flatMap((worker) => worker.volumes)).size).toBe(2)
    for (const worker of workers) expect(worker).toMatchObject({ read_only: true, cap_drop: ['ALL'], depends_on: ['topics'] })
  })

  it('gives workers only settings and modules that exist', () => {
    for (const { environment, command } of [...workers, ...services.filter((service) => service.name === 'topics')]) {
      for (const variable of Object.keys(environment)) expect(knownVariables).toContain(variable)
      for (const module of command.filter((word) => word.endsWith('.ts'))) expect(existsSync(join(repositoryRoot, module))).toBe(true)
    }
  })

  it('is scraped completely: Prometheus asks every worker', () => {
    const Config = z.object({ scrape_configs: z.array(z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) })) })
    const config = Config.parse(parse(read('deploy/prometheus/prometheus.yml')))
    const targets = config.scrape_configs.flatMap((job) => job.static_configs.flatMap((one) => one.targets))

    expect(targets).toEqual(workers.map((worker) => `${worker.name}:9464`))
  })

  it('shows the dashboard from the data source that is provisioned', () => {
    const source = z
      .object({ datasources: z.array(z.object({ uid: z.string(), url: z.string() })) })
      .parse(parse(read('deploy/grafana/provisioning/datasources/prometheus.yml'))).datasources[0]
    const asked = Array.from(
      read('deploy/grafana/dashboards/millrace.json').matchAll(/"type": "prometheus",\s*"uid": "(\w+)"/gu),
      (match) => match[1],
    )

    expect(source?.url).toBe('http://prometheus:9090')
    expect([...new Set(asked)]).toEqual([source?.uid])
  })
})

describe('the image', () => {
  it('runs as a numbered user, writes to the volume of the state, and takes signals itself', () => {
    expect(dockerfile).toMatch(/^USER \d+:\d+$/mu)
    expect(dockerfile).toMatch(/^VOLUME \/var\/lib\/millrace$/mu)
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "libs\/command\/millrace\.mjs", "run"\]$/mu)
    expect(existsSync(join(repositoryRoot, 'libs/command/millrace.mjs'))).toBe(true)
  })

  it('sets only settings that exist', () => {
    const set = Array.from(dockerfile.matchAll(/\b(MILLRACE_[A-Z_]+)=/gu), (match) => match[1])

    expect(set).toContain('MILLRACE_STATE_DIRECTORY')
    for (const variable of set) expect(knownVariables).toContain(variable)
  })

  it('is made of files that exist and that .dockerignore lets through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    const copied = Array.from(dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gmu), (match) => match[1]?.split(' ') ?? []).flat()

    expect(copied).toContain('libs')
    for (const source of copied) {
      expect({ source, exists: existsSync(join(repositoryRoot, source)) }).toEqual({ source, exists: true })
      expect({ source, allowed: allowed.some((path) => path === source || path.startsWith(`${source}/`)) }).toEqual({
        source,
        allowed: true,
      })
    }
  })
})
