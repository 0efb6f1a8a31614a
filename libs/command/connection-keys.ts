/** Settings that every command which talks to Kafka takes as flags. */
import { settingKeys, settingTable, type SettingKey } from '../runtime/settings/settings.ts'

export const connectionKeys: readonly SettingKey[] = settingKeys.filter((key) => settingTable[key].group === 'connection')
