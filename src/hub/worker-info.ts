import type { Amounts } from '../lib/amounts.ts';
import type { WorkerInfo } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../rpc/rpc-error.ts';

/** What a worker says of itself, within bounds. */
export interface CheckedWorkerInfo {
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Amounts;
}

const MAX_ENTRIES = 200;
const MAX_LABEL_CHARACTERS = 64 * 1024;
const MAX_NAME_CHARACTERS = 200;
const MAX_AMOUNT = 1e12;

function problemOf({ labels, resourcesTotal }: Pick<WorkerInfo, 'labels' | 'resourcesTotal'>): string | undefined {
  const all = [...Object.entries(labels), ...Object.entries(resourcesTotal)];
  if (all.length > MAX_ENTRIES) return `it has more than ${MAX_ENTRIES} labels and resources`;
  if (JSON.stringify([labels, resourcesTotal]).length > MAX_LABEL_CHARACTERS) return 'its labels are too long';
  if (all.some(([name]) => /\p{Cc}/u.test(name))) return 'a label or resource has a control character in its name';
  const name = labels.name || labels.hostname || '';
  if (name.length > MAX_NAME_CHARACTERS) return `its name is longer than ${MAX_NAME_CHARACTERS} characters`;
  if (/\p{Cc}/u.test(name)) return 'its name has a control character in it';
  const odd = Object.entries(resourcesTotal).find(([, amount]) => !(amount >= 0 && amount <= MAX_AMOUNT));
  return odd === undefined ? undefined : `its resource "${odd[0]}" is no amount that a machine has`;
}

/** Throws `RpcError` (INVALID_ARGUMENT) for a worker that no machine is: it would be stored and shown. */
export function checkWorkerInfo(info: Pick<WorkerInfo, 'labels' | 'resourcesTotal'> | undefined): CheckedWorkerInfo {
  if (info === undefined) return { labels: {}, resources: {} };
  const problem = problemOf(info);
  if (problem !== undefined) throw new RpcError('INVALID_ARGUMENT', `this hub does not take such a worker: ${problem}`);
  return { labels: info.labels, resources: info.resourcesTotal };
}
