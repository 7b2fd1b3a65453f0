import type { Isolation, PersistentWorkerInstance } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Entry } from '../yaml/node.ts';
import type { Scope } from './scope.ts';

/** What a host must be for an isolation to start on it. */
const HOSTS: Readonly<Record<string, { readonly os: string; readonly arch?: readonly string[] }>> = {
  tart: { os: 'darwin', arch: ['arm64', 'aarch64'] },
  vetu: { os: 'linux' },
  parallels: { os: 'darwin' },
};

function find(entry: Entry, ...path: readonly string[]): Entry | undefined {
  return path.reduce<Entry | undefined>(
    (found, key) =>
      found?.value.kind === 'map' ? found.value.entries.findLast((item) => item.key === key) : undefined,
    entry,
  );
}

function checkHost(
  entry: Entry,
  type: Isolation['type'],
  labels: Readonly<Record<string, string>>,
  scope: Scope,
): void {
  const host = HOSTS[type.case ?? ''];
  if (host === undefined) return;
  const at = find(entry, 'labels')?.at ?? entry.at;
  if (labels.os !== undefined && labels.os !== host.os) {
    const message = `the label os=${labels.os} contradicts the isolation "${type.case}", which needs ${host.os}`;
    scope.report.warning(at, message, 'no worker fits both: change one of them');
  }
  if (labels.arch !== undefined && host.arch?.includes(labels.arch) === false) {
    const message = `the label arch=${labels.arch} contradicts the isolation "${type.case}", which needs ${host.arch[0]}`;
    scope.report.warning(at, message, 'no worker fits both: change one of them');
  }
}

/** `[{os: linux}, {os: darwin}]`: only the last is asked for. */
function checkRepeatedLabels(entry: Entry, scope: Scope): void {
  const value = find(entry, 'labels')?.value;
  if (value?.kind !== 'list') return;
  const seen = new Map<string, string>();
  for (const item of value.items.flatMap((map) => (map.kind === 'map' ? map.entries : []))) {
    const written = item.value.kind === 'text' ? item.value.text : '';
    const before = seen.get(item.key);
    if (before !== undefined && before !== written) {
      const message = `the label ${item.key}=${written} contradicts ${item.key}=${before} above, and only the last counts`;
      scope.report.warning(item.at, message, 'remove one of them');
    }
    seen.set(item.key, written);
  }
}

/** Warns about a worker that cannot exist. */
export function checkWorker(entry: Entry, { labels, isolation }: PersistentWorkerInstance, scope: Scope): void {
  if (isolation !== undefined) checkHost(entry, isolation.type, labels, scope);
  checkRepeatedLabels(entry, scope);
}
