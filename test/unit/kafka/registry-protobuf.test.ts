import { describe, expect, it } from '@jest/globals'
import { protobufCodec } from '../../../libs/kafka/registry-protobuf.ts'

const schema = `
syntax = "proto3";
package city;
message Other { string name = 1; }
message Ride {
  enum Class { USUAL = 0; LARGE = 1; }
  message Stop { double latitude = 1; }
  string rider_name = 1;
  int32 seats = 2;
  uint64 meters = 3;
  Class car = 4;
  repeated Stop stops = 5;
  map<string, int32> extras = 6;
  bytes token = 7;
  bool shared = 8;
}`
const ride = {
  riderName: 'ann',
  seats: 2,
  meters: '18446744073709551615',
  car: 'LARGE',
  stops: [{ latitude: 1.5 }, { latitude: 0 }],
  extras: { child: 1 },
  token: Buffer.from([1, 2]),
  shared: true,
}
/** What stands before a message. */
const NOTHING = Buffer.alloc(0)

/** As the registry client gives a writer's schema: an object with one message of the file. */
async function writerSchema(text: string): Promise<unknown> {
  const { default: protobuf } = await import('protobufjs')
  return { message: protobuf.parse(text).root.lookupType('city.Other') }
}

describe('a Protobuf message', () => {
  it('comes back as it was written, with its message index', async () => {
    const codec = protobufCodec(schema, 'city.Ride')
    const written = codec.writer(undefined)(ride, NOTHING)
    expect([...written.subarray(0, 2)]).toEqual([2, 2])
    expect(codec.readerOf(await writerSchema(schema))(Buffer.from(written))).toEqual(ride)
  })

  it('has the defaults of Protobuf where nothing was sent, also when it is empty', async () => {
    const codec = protobufCodec(schema, 'city.Ride')
    const read = codec.readerOf(await writerSchema(schema))(Buffer.from(codec.writer(undefined)({}, NOTHING)))
    expect(read).toEqual({
      riderName: '',
      seats: 0,
      meters: '0',
      car: 'USUAL',
      stops: [],
      extras: {},
      token: expect.anything(),
      shared: false,
    })
  })

  it('is refused when it is another message of the same file', async () => {
    const other = protobufCodec(schema).writer(undefined)({ name: 'x' }, NOTHING)
    const reader = protobufCodec(schema, 'city.Ride').readerOf(await writerSchema(schema))
    expect(() => reader(Buffer.from(other))).toThrow('the message is .city.Other, expected .city.Ride')
    expect(() => reader(Buffer.from([18, 0]))).toThrow(/index 0,?|no message|index/)
  })

  it.each([
    { field: 'seats', value: '2', says: 'Ride.seats is no int32' },
    { field: 'seats', value: 1.5, says: 'Ride.seats is no int32' },
    { field: 'seats', value: 2 ** 31, says: 'Ride.seats is no int32' },
    { field: 'meters', value: -1, says: 'Ride.meters is no uint64' },
    { field: 'meters', value: '18446744073709551616', says: 'Ride.meters is no uint64' },
    { field: 'car', value: 'HUGE', says: 'Ride.car is no Class' },
    { field: 'stops', value: {}, says: 'Ride.stops is no array' },
    { field: 'stops', value: [{ latitude: 'north' }], says: 'Ride.stops.0.latitude is no double' },
    { field: 'extras', value: { child: 'one' }, says: 'Ride.extras.child is no int32' },
    { field: 'token', value: 'text', says: 'Ride.token is no bytes' },
    { field: 'colour', value: 'red', says: 'Ride.colour is no field' },
  ])('is not written with $value as $field', ({ field, value, says }) => {
    expect(() => protobufCodec(schema, 'city.Ride').writer(undefined)({ ...ride, [field]: value }, NOTHING)).toThrow(says)
  })
})
