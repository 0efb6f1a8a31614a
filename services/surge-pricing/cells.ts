/**
 * The grid: a cell is a square of a hundredth of a degree, about 1.1 km from south to north (and less from west to east, by
 * the cosine of the latitude). It is named by its south-west corner in hundredths of a degree: latitude 52.5163, longitude
 * 13.3777 lies in `5251:1337`. A fixed grid needs no library and no table; for cells of equal area use H3 or S2 instead.
 */
import type { Place } from './topics.ts'

const CELLS_PER_DEGREE = 100

export function cellOf(place: Place): string {
  return `${Math.floor(place.latitude * CELLS_PER_DEGREE)}:${Math.floor(place.longitude * CELLS_PER_DEGREE)}`
}
