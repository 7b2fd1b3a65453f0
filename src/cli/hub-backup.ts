import { resolve } from 'node:path';
import { EXIT } from '../lib/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { BUILD } from '../platform/version.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { type HubPlaceFlags, openHubPlace, withHubPlace } from './hub/hub-place.ts';

/** `pwagent hub backup DEST` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = withHubPlace(
    defineCommand({
      name: 'hub backup',
      summary:
        'Copy all that a hub has stored into a new folder: database, logs, work trees, caches, artifacts, tokens.\n' +
        'The hub goes on meanwhile; the copy is of one moment. Keep it as safe as the hub itself: secrets are in it.',
      examples: [
        ['pwagent hub backup --data /var/lib/pwagent-hub /backup/hub-monday', 'into a folder that is new'],
        ['pwagent hub restore --data /var/lib/pwagent-hub /backup/hub-monday', 'the way back'],
      ],
    }),
  )
    .option('--json', 'print one JSON object')
    .argument('<dest>', 'folder to write, which must not be there yet');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<HubPlaceFlags & { json?: true }>();
  const { backUp } = await import('../hub/upkeep/backup.ts');
  const destination = resolve(command.args[0] ?? '');
  const place = await openHubPlace(flags, context.env);
  const second = await openHubPlace(flags, context.env);
  try {
    const stores = { store: place.store, leases: second.store };
    const about = await backUp(stores, place, destination, { clock: systemClock, version: BUILD.version });
    const { rows, files, bytes } = about;
    const told = `${destination}: ${rows} rows, ${files} files with ${bytes} bytes\n`;
    context.stdout.write(flags.json ? `${JSON.stringify({ destination, ...about })}\n` : told);
    return EXIT.ok;
  } finally {
    await place.store.close();
    await second.store.close();
  }
}
