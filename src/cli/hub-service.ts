import hubPlist from '../../launchd/dev.pwagent.hub.plist' with { type: 'text' };
import hubUnit from '../../launchd/pwagent-hub.service' with { type: 'text' };
import { AppError, EXIT } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';

/** What starts a hub at boot, with where the file belongs and what makes it known. */
interface ServiceFile {
  readonly content: string;
  readonly path: string;
  readonly next: readonly string[];
}

const FILES: Readonly<Record<'systemd' | 'launchd', ServiceFile>> = {
  systemd: {
    content: hubUnit,
    path: '/etc/systemd/system/pwagent-hub.service',
    next: ['systemctl daemon-reload', 'systemctl enable --now pwagent-hub'],
  },
  launchd: {
    content: hubPlist,
    path: '/Library/LaunchDaemons/dev.pwagent.hub.plist',
    next: ['launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.hub.plist'],
  },
};

function kindOf({ systemd, launchd }: { readonly systemd?: true; readonly launchd?: true }): keyof typeof FILES {
  if (systemd && launchd) {
    throw new AppError('USAGE', '--systemd and --launchd exclude each other', { hint: 'keep one of them' });
  }
  if (systemd) return 'systemd';
  return launchd || process.platform === 'darwin' ? 'launchd' : 'systemd';
}

/** `pwagent hub service [--systemd|--launchd]`: the file goes to standard output, what to do with it to standard error. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineCommand({
    name: 'hub service',
    summary: 'Print the systemd unit or LaunchDaemon that keeps a hub running; docs/hub.md tells the rest.',
    examples: [
      ['pwagent hub service | sudo tee /etc/systemd/system/pwagent-hub.service', 'on Linux'],
      ['pwagent hub service | sudo tee /Library/LaunchDaemons/dev.pwagent.hub.plist', 'on a Mac'],
    ],
  })
    .option('--systemd', 'the unit (default on Linux)')
    .option('--launchd', 'the LaunchDaemon (default on a Mac)');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const { content, path, next } = FILES[kindOf(command.opts())];
  context.stdout.write(content);
  context.stderr.write(`belongs to ${path}; then: ${next.join(' && ')}\n`);
  return EXIT.ok;
}
