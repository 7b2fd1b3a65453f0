import { resolve } from 'node:path';
import { databaseAddress } from '../hub/database-options.ts';
import { defaultDataFolder } from '../hub/hub-options.ts';
import { EXIT } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { type HubPlaceFlags, withHubPlace } from './hub/hub-place.ts';

/** `pwagent hub restore SRC` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = withHubPlace(
    defineCommand({
      name: 'hub restore',
      summary:
        'Make a hub out of a backup, in a data folder that is new, and an empty database where it was on PostgreSQL.\n' +
        'Nothing that is there is replaced. Start the hub afterwards as before.',
      examples: [['pwagent hub restore --data /var/lib/pwagent-hub /backup/hub-monday', 'then: pwagent hub --data …']],
    }),
  )
    .option('--json', 'print one JSON object')
    .argument('<src>', 'folder that `pwagent hub backup` wrote');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<HubPlaceFlags & { json?: true }>();
  const { restore } = await import('../hub/upkeep/restore.ts');
  const dataFolder = resolve(flags.data ?? defaultDataFolder(context.env, process.platform));
  const about = await restore(resolve(command.args[0] ?? ''), {
    dataFolder,
    sharedFolder: flags.shared === undefined ? undefined : resolve(flags.shared),
    database: (await databaseAddress(flags, context.env))?.reveal(),
  });
  const { rows, files, createdAt } = about;
  const told = `${dataFolder}: ${rows} rows and ${files} files, as they were at ${createdAt}\n`;
  context.stdout.write(flags.json ? `${JSON.stringify({ dataFolder, ...about })}\n` : told);
  return EXIT.ok;
}
