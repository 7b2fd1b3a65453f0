import { parseByteCount } from '../../../lib/size.ts';
import { RESERVED_LABELS } from '../../labels.ts';
import { DEFAULT_ENDPOINT, isClosedService } from '../resolve-options.ts';
import type { Draft } from './draft.ts';

/** Keys that flags may say too; the old worker let the file win. */
const ALSO_FLAGS = ['token', 'name', 'labels', 'resources', 'rpc'];

export function precedence(draft: Draft): void {
  const keys = ALSO_FLAGS.filter((key) => draft.has([key]));
  if (keys.length > 0)
    draft.note(keys.join(', '), 'flags and the variables PWAGENT_… win over the file; before, the file won over flags');
}

export function endpoints(draft: Draft): void {
  const upstreams = draft.keysOf(['upstreams']);
  const gone = 'the hosted service closed on 1 June 2026; put the address of your hub here';
  for (const index of upstreams) {
    const path = ['upstreams', index, 'endpoint'];
    const endpoint = draft.get(path);
    if (endpoint != null && !isClosedService(String(endpoint))) continue;
    draft.note(path.join('.'), gone);
    draft.set(path, DEFAULT_ENDPOINT);
  }
  const single = draft.get(['rpc', 'endpoint']);
  const closed = single != null && isClosedService(String(single));
  if (upstreams.length > 0) {
    if (!closed) return;
    draft.note('rpc.endpoint', 'was the default, which upstreams may stand beside; taken out');
    draft.remove(['rpc']);
    return;
  }
  if (single != null && !closed) return;
  draft.note('rpc.endpoint', single == null ? `not set; ${gone}` : gone);
  draft.set(['rpc'], { endpoint: DEFAULT_ENDPOINT });
}

export function labels(draft: Draft): void {
  if (draft.has(['labels']) && draft.get(['labels']) === null)
    draft.note('labels', 'without a value it took back what --labels gave; here it says nothing');
  for (const label of RESERVED_LABELS) {
    if (!draft.has(['labels', label])) continue;
    draft.note(`labels.${label}`, 'replaced what the worker knows by itself, and is refused here; taken out');
    draft.remove(['labels', label]);
  }
}

export function resources(draft: Draft): void {
  if (draft.has(['resources']) && draft.get(['resources']) === null)
    draft.note('resources', 'without a value it could end the worker; here it means none');
  for (const key of draft.keysOf(['resources'])) {
    const amount = draft.get(['resources', key]);
    if (typeof amount !== 'number' || (Number.isFinite(amount) && amount >= 0)) continue;
    draft.note(`resources.${key}`, `${amount} was accepted, and is refused here; taken out`);
    draft.remove(['resources', key]);
  }
}

const MEGABYTE = 1_000_000;
const OLD_DEFAULT_MIB = 100;

/** The old worker cut the size to whole megabytes and took those as MiB, none of them as 100. */
function oldLimitMib(bytes: number): number {
  return Math.floor(bytes / MEGABYTE) || OLD_DEFAULT_MIB;
}

export function log(draft: Draft): void {
  const size = draft.get(['log', 'rotate-size']);
  if (draft.get(['log', 'file']) == null) {
    if (size != null && parseByteCount(String(size)) === undefined)
      draft.note('log.rotate-size', 'is looked at here, also without log.file');
    return;
  }
  if (size == null) {
    draft.note('log.rotate-size', `not set; files were rotated at ${OLD_DEFAULT_MIB} MiB, here never; written out`);
    draft.set(['log', 'rotate-size'], `${OLD_DEFAULT_MIB} MiB`);
    return;
  }
  const bytes = parseByteCount(String(size));
  if (bytes !== undefined && bytes !== oldLimitMib(bytes) * 2 ** 20)
    draft.note(
      'log.rotate-size',
      `files were rotated at ${oldLimitMib(bytes)} MiB; here at ${bytes} bytes, as it says`,
    );
}
