import { existsSync } from 'node:fs';
import { judge } from '../install/checks.ts';
import { type Check, type DoctorFacts, readDoctorFacts } from '../install/doctor-facts.ts';
import { describeError, EXIT } from '../lib/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { defaultWorkerName } from '../platform/host.ts';
import { probeTcp } from '../platform/tcp-probe.ts';
import { readSmallFile } from '../platform/text-file.ts';
import { parseEndpoint } from '../rpc/endpoint.ts';
import { defaultWorkerUser } from '../supervisor/worker-plan.ts';
import { DEFAULT_ENDPOINT } from '../worker/configuration/resolve-options.ts';
import { parseWorkerFile } from '../worker/configuration/worker-file.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { depsOf, type Machine, thisMachine } from './install/world.ts';

const PROBE_MS = 5_000;

async function tryHub(workerFile: string, signal: AbortSignal): Promise<NonNullable<DoctorFacts['hub']>> {
  try {
    const text = existsSync(workerFile) ? readSmallFile(workerFile, 'the worker configuration') : '';
    const file = parseWorkerFile(text, workerFile, undefined); // the worker's environment is another than ours
    const endpoint = parseEndpoint(file.upstreams?.[0]?.endpoint ?? file.rpc?.endpoint ?? DEFAULT_ENDPOINT);
    if (endpoint.target.startsWith('unix:')) return { address: endpoint.text, problem: undefined };
    const { hostname, port } = new URL(`http://${endpoint.target}`);
    const host = hostname.replace(/^\[|\]$/g, '');
    const problem = await probeTcp({ host, port: Number(port || 80) }, PROBE_MS, systemClock, signal);
    return { address: endpoint.text, problem };
  } catch (error) {
    return { address: workerFile, problem: describeError(error).replaceAll('\n', '; ') };
  }
}

const COLOUR = { ok: '\x1b[32m', warn: '\x1b[33m', fail: '\x1b[31m' } as const;

/** A line for each check, and below it how to mend what does not hold. */
export function doctorTable(checks: readonly Check[], colour: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, verdict, says, mend }) => {
    const mark = colour ? `${COLOUR[verdict]}${verdict.padEnd(4)}\x1b[0m` : verdict.padEnd(4);
    const first = `${mark}  ${name.padEnd(width)}  ${says}`;
    return mend === undefined ? [first] : [first, `${' '.repeat(width + 8)}→ ${mend}`];
  });
  return `${lines.join('\n')}\n`;
}

/** `pwagent doctor [--json]`: 0 when nothing fails, else 1. `machine` is a parameter for tests. */
export async function run(args: readonly string[], context: CliContext, machine: Machine = thisMachine) {
  const command = defineCommand({
    name: 'doctor',
    summary: 'Check every precondition of this machine and tell how to mend what is wrong. Changes nothing.',
    examples: [
      ['sudo pwagent doctor', 'exit code 0: nothing fails, 1: something does'],
      ['pwagent doctor --json', 'one object, for machines'],
    ],
  })
    .option('--json', 'print { "ok": …, "checks": [{ name, verdict, says, mend }] }')
    .option('--root <folder>', 'the machine is staged below this folder', '/')
    .option('--aws-endpoint <url>', 'where AWS calls go instead of the public endpoints');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<{ json?: boolean; root: string; awsEndpoint?: string }>();
  const request = { userOf: defaultWorkerUser, hostName: defaultWorkerName(), tryHub };
  const checks = judge(await readDoctorFacts(depsOf(flags, context, machine), request, context.stop));
  const healthy = checks.every(({ verdict }) => verdict !== 'fail');
  const json = () =>
    `${JSON.stringify({ ok: healthy, checks: checks.map((c) => ({ ...c, mend: c.mend ?? null })) })}\n`;
  context.stdout.write(flags.json === true ? json() : doctorTable(checks, context.stdout.colour));
  return healthy ? EXIT.ok : EXIT.jobFailed;
}
