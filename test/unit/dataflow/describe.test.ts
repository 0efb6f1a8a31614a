import { describe, expect, it } from '@jest/globals'
import { json, minutes, none, text, topic, topology, tumbling, type } from 'millrace'
import { describeJson } from '../../../libs/dataflow/describe-json.ts'
import { describeMermaid } from '../../../libs/dataflow/describe-mermaid.ts'
import { graphOf } from '../../../libs/dataflow/topology.ts'

const clicks = topic('clicks', { key: none, value: json(type<{ readonly page: string }>()) })
const views = topic('views', { key: text, value: json(type<unknown>()) })
const late = topic('late-views', { key: text, value: json(type<unknown>()) })

const app = topology('pages', { version: 3 }, (flow) => {
  const perMinute = flow
    .stream(clicks)
    .filter((click) => click.page !== '')
    .keyBy('page', (click) => click.page)
    .window('per-minute', tumbling(minutes(1)))
    .count()
  perMinute.to(views)
  perMinute.side.late.to(late)
})

describe('a topology describes itself', () => {
  it('in the text form of Kafka Streams', () => {
    expect(app.describe()).toBe(`Topologies:
   Sub-topology: 0 for clicks
    Source: source:clicks (topics: [clicks])
      --> filter:1
    Processor: filter:1 (stores: [])
      --> keyBy:page
      <-- source:clicks
    Sink: keyBy:page (topic: pages.v3.page.repartition)
      <-- filter:1

   Sub-topology: 1 for page
    Source: read:page (topics: [pages.v3.page.repartition])
      --> tumbling:per-minute
    Processor: tumbling:per-minute (stores: [per-minute])
      --> sink:5, sink:6
      <-- read:page
    Sink: sink:5 (topic: views)
      <-- tumbling:per-minute
    Sink: sink:6 (topic: late-views)
      <-- tumbling:per-minute
`)
  })

  it('so that the usual viewer reads it: its patterns find every node and arrow', () => {
    // From kafka-streams-viz (zz85), which draws what these patterns find.
    const found = app
      .describe()
      .split('\n')
      .flatMap((line) => {
        const node = /(Source:|Processor:|Sink:)\s+(\S+)\s+\((topics|topic|stores):(.*)\)/.exec(line)
        const arrow = /-->\s+(.*)$/.exec(line)
        return [...(node?.[2] === undefined ? [] : [node[2]]), ...(arrow?.[1] === undefined ? [] : arrow[1].split(', '))]
      })
    expect(found).toHaveLength(7 + 5)
    expect(/Sub-topology: ([0-9]*)/.exec(app.describe())?.[1]).toBe('0')
  })

  it('as a Mermaid flowchart', () => {
    expect(describeMermaid(graphOf(app))).toBe(`flowchart LR
  topic0(["clicks"])
  topic1(["pages.v3.page.repartition"]):::internal
  topic2(["views"])
  topic3(["late-views"])
  subgraph stage0["clicks"]
    step0["filter"]
  end
  subgraph stage1["page"]
    step1[("tumbling per-minute")]
  end
  topic0 --> step0
  step0 --> topic1
  topic1 --> step1
  step1 --> topic2
  step1 -->|"late"| topic3
  classDef internal stroke-dasharray: 4 4
`)
  })

  it('as JSON, with formats, stores, changelogs and the places in the code', () => {
    const description = describeJson(graphOf(app))
    expect(JSON.parse(JSON.stringify(description))).toEqual(description)
    expect(description).toMatchObject({
      name: 'pages',
      version: 3,
      group: 'pages.v3',
      subTopologies: [
        {
          name: 'clicks',
          inputs: [{ topic: 'clicks', kind: 'external', keyFormat: 'none', valueFormat: 'json', outOfOrdernessMs: 0 }],
          outputs: [{ topic: 'pages.v3.page.repartition', kind: 'repartition' }],
          stores: [],
        },
        {
          name: 'page',
          stores: [{ step: 'per-minute', cells: { open: 'timed' }, changelog: 'pages.v3.per-minute.changelog' }],
          steps: [
            { id: 'read:page', kind: 'source', next: [{ to: 'tumbling:per-minute' }] },
            {
              id: 'tumbling:per-minute',
              kind: 'step',
              store: 'per-minute',
              at: expect.stringMatching(/^test\/unit\/dataflow\/describe\.test\.ts:\d+$/) as unknown,
              next: [{ to: 'sink:5' }, { to: 'sink:6', side: 'late' }],
            },
            { id: 'sink:5', topic: 'views' },
            { id: 'sink:6', topic: 'late-views' },
          ],
        },
      ],
    })
  })
})
