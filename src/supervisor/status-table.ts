import { formatDuration } from '../lib/duration.ts';
import { formatSize } from '../lib/size.ts';
import type { StatusReport } from './status-report.ts';

type Paint = (tint: keyof typeof TINTS, text: string) => string;

const TINTS = { good: '\x1b[32m', busy: '\x1b[33m', bad: '\x1b[31m', dim: '\x1b[90m', bold: '\x1b[1m' } as const;

function painter(colour: boolean): Paint {
  return (tint, text) => (colour ? `${TINTS[tint]}${text}\x1b[0m` : text);
}

function deadlineRow({ rule, dueAt, inSeconds, suspended }: StatusReport['deadlines'][number], paint: Paint): string {
  const left = inSeconds >= 0 ? `in ${formatDuration(inSeconds * 1_000)}` : `${formatDuration(-inSeconds * 1_000)} ago`;
  return `${rule.padEnd(10)} ${left} ${paint('dim', `(${dueAt})`)}${suspended ? ' suspended' : ''}`;
}

function workerRow({ worker, now }: StatusReport, paint: Paint): string {
  if (worker.pid === null || worker.startedAt === null) return paint('bad', `none (user ${worker.user})`);
  const upMs = Date.parse(now) - Date.parse(worker.startedAt);
  return `pid ${worker.pid}, up ${formatDuration(upMs)}, user ${worker.user}, restarts ${worker.restarts}`;
}

function runningRows({ worker, now }: StatusReport): string[] {
  if (worker.running.length === 0) return ['nothing'];
  return worker.running.map(
    ({ id, startedAt }) => `${id}, for ${formatDuration(Date.parse(now) - Date.parse(startedAt))}`,
  );
}

function endRow({ shutdown }: StatusReport): string[] {
  if (shutdown === null) return [];
  const { attempts, lastStep, lastError } = shutdown;
  const last = lastStep === null ? 'not yet at the first step' : `last: ${lastStep}`;
  return [
    `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}, ${last}${lastError === null ? '' : `, ${lastError}`}`,
  ];
}

function tagRow({ tag, value, since }: StatusReport['ready']): string {
  if (since === null) return `${tag}, not read yet`;
  return value === null ? `${tag} is absent since ${since}` : `${tag}=${JSON.stringify(value)} since ${since}`;
}

function metadataRow({ source, reachable, lastAnswerAt }: StatusReport['metadata'], paint: Paint): string {
  if (reachable === null) return source;
  const last = lastAnswerAt === null ? 'never answered' : `last answer ${lastAnswerAt}`;
  return `${source}, ${reachable ? last : paint('bad', `no answer, ${last}`)}`;
}

/** The status for people. `exitCode` as `statusExitCode` says picks the colour of the phase. */
export function statusTable(report: StatusReport, exitCode: number, colour: boolean): string {
  const paint = painter(colour);
  const tint = exitCode === 0 ? 'good' : exitCode === 3 ? 'bad' : 'busy';
  const { disk, ready, metadata } = report;
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['phase', [`${paint(tint, report.phase)}: ${report.reason}`]],
    ['age', [`${formatDuration(report.ageSeconds * 1_000)} ${paint('dim', `(since ${report.launchedAt})`)}`]],
    ['deadlines', report.deadlines.map((deadline) => deadlineRow(deadline, paint))],
    ['worker', [workerRow(report, paint)]],
    ['running', runningRows(report)],
    ['intake', [report.worker.intake]],
    ['ready tag', [ready.tag === null ? 'none' : tagRow(ready)]],
    ['metadata', [metadataRow(metadata, paint)]],
    [
      'disk',
      [disk.freeBytes === null ? `${disk.path}: unknown` : `${formatSize(disk.freeBytes)} free at ${disk.path}`],
    ],
    ['shutdown', endRow(report)],
    ['version', [`${report.version}, ${report.armed ? 'armed' : 'not armed'}`]],
  ];
  const lines = rows.flatMap(([name, values]) =>
    values.map((value, index) => `${paint('dim', (index === 0 ? name : '').padEnd(10))} ${value}`),
  );
  return `${[paint('bold', report.name), ...lines].join('\n')}\n`;
}
