import { create } from '@bufbuild/protobuf';
import {
  type Isolation_Tart_Volume,
  Isolation_Tart_VolumeSchema,
  type Volume,
  VolumeSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { condition } from './condition-field.ts';
import { type FieldTable, fieldsOf, type Reader, reader, readFields, reportKind } from './reader.ts';
import { objectSchema, TEXTS } from './schemas.ts';
import { placedTexts, text } from './texts.ts';

const tartVolume = fieldsOf<Isolation_Tart_Volume>();

const TART_VOLUME: FieldTable<Isolation_Tart_Volume> = {
  name: tartVolume('name', text),
  source: tartVolume('source', text),
  target: tartVolume('target', text),
  readonly: tartVolume('readOnly', condition),
};

/** Folders of the host that a Tart machine sees: a list of maps. */
export const tartVolumes: Reader<Isolation_Tart_Volume[]> = reader(
  { type: 'array', items: objectSchema(TART_VOLUME) },
  (entry, scope) => {
    if (entry.value.kind !== 'list') return reportKind(entry, 'a list of maps', scope);
    return entry.value.items.flatMap((item) => {
      if (item.kind !== 'map') {
        scope.report.error(item.at, 'a volume of Tart must be a map', 'write source: FOLDER');
        return [];
      }
      const volume = readFields(item, TART_VOLUME, 'a volume', scope, create(Isolation_Tart_VolumeSchema));
      if (!item.entries.some(({ key }) => key === 'source')) {
        scope.report.error(item.at, 'the volume has no "source"', 'add source: FOLDER');
      }
      return [volume];
    });
  },
);

/** Folders of the host that a container sees: `source:target` or `source:target:ro`. */
export const containerVolumes: Reader<Volume[]> = reader(TEXTS, (entry, scope) =>
  placedTexts(entry, scope)?.flatMap((item) => {
    const [source, target, mode, ...more] = item.text.split(':');
    const fits = source !== undefined && target !== undefined && (mode ?? 'ro') === 'ro' && more.length === 0;
    if (fits) return [create(VolumeSchema, { source, target, readOnly: mode === 'ro' })];
    scope.report.error(entry.at, `"${item.text}" is not a volume`, 'write SOURCE:TARGET or SOURCE:TARGET:ro');
    return [];
  }),
);
