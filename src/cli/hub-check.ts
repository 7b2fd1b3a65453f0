import type { CheckReport, Finding } from '../hub/upkeep/findings.ts';
import { EXIT } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { type HubPlaceFlags, openHubPlace, withHubPlace } from './hub/hub-place.ts';

function table(title: string, findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const width = Math.max(...findings.map(({ kind }) => kind.length));
  const lines = findings.map(({ kind, subject, detail }) => `  ${kind.padEnd(width)}  ${subject}: ${detail}`);
  return [title, ...lines, ''].join('\n');
}

function describe({ checked, problems, leftovers }: CheckReport): string {
  const { builds, tasks, logs, logBytes } = checked;
  const looked = `${builds} builds, ${tasks} tasks, ${logs} logs with ${logBytes} bytes`;
  const end = problems.length === 0 ? `consistent: ${looked}` : `${problems.length} problems: ${looked}`;
  return `${table('Problems', problems)}${table('Left over (harmless)', leftovers)}${end}\n`;
}

/** `pwagent hub check`: exit 1 when what is stored contradicts itself. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = withHubPlace(
    defineCommand({
      name: 'hub check',
      summary:
        'Check what a hub has stored: states that contradict each other, references, logs and their sizes.\n' +
        'The hub may run meanwhile. Exit code 1 when something is wrong.',
      examples: [
        ['pwagent hub check --data /var/lib/pwagent-hub', 'a table of what is wrong'],
        ['pwagent hub check --json', 'the same for programs'],
      ],
    }),
  ).option('--json', 'print one JSON object');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<HubPlaceFlags & { json?: true }>();
  const { checkHub } = await import('../hub/upkeep/check-hub.ts');
  const place = await openHubPlace(flags, context.env);
  try {
    const report = await checkHub(place.store, place);
    const clean = report.problems.length === 0;
    context.stdout.write(flags.json ? `${JSON.stringify({ clean, ...report })}\n` : describe(report));
    return clean ? EXIT.ok : 1;
  } finally {
    await place.store.close();
  }
}
