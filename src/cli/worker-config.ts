import { AppError, describeError, EXIT } from '../lib/errors.ts';
import { Secret } from '../lib/secret.ts';
import { defaultWorkerName } from '../platform/host.ts';
import { readSmallFile } from '../platform/text-file.ts';
import { workerJsonSchema } from '../worker/configuration/json-schema.ts';
import { migrateWorkerFile } from '../worker/configuration/migration/migrate.ts';
import { resolveWorkerOptions } from '../worker/configuration/resolve-options.ts';
import { showOptions } from '../worker/configuration/show-options.ts';
import { parseWorkerFile } from '../worker/configuration/worker-file.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { plainSwitches } from './go-switches.ts';
import { addCommonFlags, type CommonFlags } from './worker/common-flags.ts';
import { loadSettings } from './worker/load-options.ts';

interface Flags extends CommonFlags {
  readonly schema?: boolean;
  readonly check?: boolean;
  readonly migrate?: string;
}

function defineWorkerConfig() {
  const command = defineCommand({
    name: 'worker config',
    summary: 'Check a worker.yml, describe it to editors, or bring over that of an older worker.',
    examples: [
      ['pwagent worker config --check -f worker.yml', 'what the worker would run with, secrets masked'],
      ['pwagent worker config --schema > worker.schema.json', 'completion and checks in an editor'],
      ['pwagent worker config --migrate old.yml > worker.yml', 'what behaves differently, and the mended file'],
    ],
  });
  return addCommonFlags(
    command
      .option('--check', 'validate file, environment and flags, and print the effective configuration')
      .option('--schema', 'print JSON Schema')
      .option('--migrate <file>', 'list each key that behaves differently here, and print the mended file'),
  );
}

function check(flags: Flags, { env, stdout, stderr }: CliContext): number {
  const { file, settings, warnings } = loadSettings(flags, env);
  const hasToken = settings.token !== undefined || file.token != null || (file.upstreams ?? []).length > 0;
  const token = hasToken ? settings.token : { value: new Secret('not there yet'), from: 'nowhere' };
  const options = resolveWorkerOptions(file, { ...settings, token }, defaultWorkerName());
  const missing = hasToken ? [] : ['no registration token yet; give --token-file, PWAGENT_TOKEN or the key token'];
  for (const sentence of [...warnings, ...missing]) stderr.write(`pwagent: ${sentence}\n`);
  stdout.write(showOptions(options, hasToken));
  return EXIT.ok;
}

function migrate(path: string, { stdout, stderr }: CliContext): number {
  const { notes, text } = migrateWorkerFile(readSmallFile(path, 'configuration file'), path);
  const heading =
    notes.length === 0 ? 'Nothing in this file behaves differently here.' : 'What behaves differently here:';
  stdout.write(
    `${['', ...notes].reduce((lines, note) => (note === '' ? lines : `${lines}\n# - ${note}`), `# ${heading}`)}\n`,
  );
  stdout.write(text);
  try {
    parseWorkerFile(text, `${path}, mended`, undefined);
    return EXIT.ok;
  } catch (error) {
    stderr.write(`pwagent: what is left to mend by hand:\n${describeError(error)}\n`);
    return EXIT.configuration;
  }
}

/** `pwagent worker config`: 0 for a good file, 78 for one that needs mending. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineWorkerConfig();
  const done = parseArgs(command, plainSwitches(args, ['debug', 'check', 'schema']), context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const modes = [flags.check, flags.schema, flags.migrate].filter((mode) => mode !== undefined);
  if (modes.length !== 1)
    throw new AppError('USAGE', 'one of --check, --schema and --migrate FILE is wanted', {
      hint: 'see pwagent worker config --help',
    });
  if (flags.migrate !== undefined) return migrate(flags.migrate, context);
  if (flags.check) return check(flags, context);
  context.stdout.write(`${JSON.stringify(workerJsonSchema(), null, 2)}\n`);
  return EXIT.ok;
}
