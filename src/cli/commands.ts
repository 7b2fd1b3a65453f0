import { AppError, EXIT } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import type { CliContext, CommandModule } from './context.ts';

interface Entry {
  readonly summary: string;
  /** Started by ourselves alone, so left out of the overview. */
  readonly hidden?: true;
  /** Loads the command's own code, so that no command pays for another. */
  readonly load: () => Promise<CommandModule>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  demo: {
    summary: 'try everything: hub, supervisor and worker on this machine, nothing left behind',
    load: () => import('./demo.ts'),
  },
  hub: { summary: 'serve a control plane: queue, scheduler, logs, web page', load: () => import('./hub.ts') },
  'hub service': {
    summary: 'print the service file that keeps a hub running',
    load: () => import('./hub-service.ts'),
  },
  'hub backup': { summary: 'copy all that a hub has stored, while it runs', load: () => import('./hub-backup.ts') },
  'hub restore': { summary: 'make a hub out of a backup', load: () => import('./hub-restore.ts') },
  'hub check': { summary: 'check that what a hub has stored is consistent', load: () => import('./hub-check.ts') },
  submit: {
    summary: 'run the .cirrus.yml of a work tree on a hub and follow its logs',
    load: () => import('./submit.ts'),
  },
  builds: { summary: 'list and show builds of a hub', load: () => import('./builds.ts') },
  tasks: {
    summary: 'list and show tasks, tell why one waits, trigger one',
    load: () => import('./tasks.ts'),
  },
  logs: { summary: 'print or follow the logs of a task or a build', load: () => import('./logs.ts') },
  cancel: { summary: 'cancel a task or a build', load: () => import('./cancel.ts') },
  rerun: { summary: 'run a task or a build again', load: () => import('./rerun.ts') },
  workers: { summary: 'list, pause and resume workers of a hub', load: () => import('./workers.ts') },
  pools: { summary: 'make and change pools of workers', load: () => import('./pools.ts') },
  tokens: { summary: 'issue, rotate and revoke tokens of a hub', load: () => import('./tokens.ts') },
  crons: { summary: 'start builds by the clock', load: () => import('./crons.ts') },
  secrets: { summary: 'give ENCRYPTED[…] values their plain text', load: () => import('./secrets.ts') },
  audit: { summary: 'tell who did what to a hub', load: () => import('./audit.ts') },
  validate: { summary: 'check a .cirrus.yml and explain every mistake', load: () => import('./validate.ts') },
  'worker run': {
    summary: 'take tasks from a hub and run them on this machine',
    load: () => import('./worker-run.ts'),
  },
  'worker pause': {
    summary: 'let a worker get no new tasks; --wait until none runs',
    load: () => import('./worker-pause.ts'),
  },
  'worker config': {
    summary: 'check a worker.yml, describe it to editors, or bring over an old one',
    load: () => import('./worker-config.ts'),
  },
  'worker resume': { summary: 'take back a pause', load: () => import('./worker-resume.ts') },
  run: {
    summary: 'supervise a worker and end the machine on time (launchd or systemd starts this)',
    load: () => import('./run.ts'),
  },
  status: { summary: 'tell where the supervisor of this machine stands', load: () => import('./status.ts') },
  install: { summary: 'install pwagent on this machine as a service', load: () => import('./install.ts') },
  uninstall: { summary: 'take pwagent off this machine', load: () => import('./uninstall.ts') },
  doctor: {
    summary: 'check every precondition of this machine, and tell how to mend it',
    load: () => import('./doctor.ts'),
  },
  drain: { summary: 'take no new tasks on this machine, end it when it is idle', load: () => import('./drain.ts') },
  resume: { summary: 'take back a drain', load: () => import('./resume.ts') },
  shutdown: { summary: 'end this machine now', load: () => import('./shutdown.ts') },
  replay: {
    summary: 'decide once more what a supervisor decided, from its records',
    load: () => import('./replay.ts'),
  },
  agent: { summary: 'run one task (the worker starts this)', load: () => import('./agent.ts') },
  'exec-as': { summary: 'become another user and program', hidden: true, load: () => import('./exec-as.ts') },
  version: { summary: 'print version and commit', load: () => import('./version.ts') },
};

/** Under this name, a link to the executable, it stands in for the worker that people used before. */
const OLD_NAME = 'cirrus';
const OLD_COMMANDS = ['worker run', 'worker pause', 'worker resume', 'agent'];

function list(names: readonly string[]): string[] {
  return names.map((name) => `  ${name.padEnd(14)} ${COMMANDS[name]?.summary}`);
}

function overview(isOldName: boolean): string {
  if (isOldName) {
    return [
      `pwagent, called as ${OLD_NAME}: the commands of the worker that people used before. The others are those of pwagent.`,
      ...['', `Usage: ${OLD_NAME} COMMAND [OPTIONS]`, '', 'Commands:', ...list(OLD_COMMANDS), ''],
    ].join('\n');
  }
  const shown = Object.keys(COMMANDS).filter((name) => COMMANDS[name]?.hidden !== true);
  return [
    'pwagent keeps CI workers on Macs and Linux clean, alive and short-lived, and brings the hub that they poll.',
    '',
    'Usage: pwagent COMMAND [OPTIONS]',
    '',
    'Commands:',
    ...list(shown),
    '',
    'New here? `pwagent demo` shows the whole product at work in a minute.',
    '`pwagent COMMAND --help` tells the options of a command, with examples.',
    '',
  ].join('\n');
}

/** The commands that begin with one word, such as `worker`. */
function groupOverview(group: string): string {
  const names = Object.keys(COMMANDS).filter((name) => name.startsWith(`${group} `));
  return ['Usage: pwagent COMMAND [OPTIONS]', '', 'Commands:', ...list(names), ''].join('\n');
}

/** Of the old name's commands only those that mean the same here: `cirrus run` ran tasks, `pwagent run` is a supervisor. */
function refuseUnderOldName(words: readonly string[]): void {
  const [first = '', second = ''] = words;
  const known = OLD_COMMANDS.some((name) => name === first || name === `${first} ${second}`);
  if (known || ['--help', '-h', 'help', '--version', 'version', 'worker'].includes(first)) return;
  throw new AppError('USAGE', `called as ${OLD_NAME}, pwagent knows ${OLD_COMMANDS.join(', ')}, not "${first}"`, {
    hint: first === 'run' ? '`pwagent submit` runs a work tree on a hub' : 'call it as pwagent for its other commands',
  });
}

function unknownCommand(word: string): AppError {
  const guess = nearest(word, Object.keys(COMMANDS));
  const hint = guess === undefined ? 'pwagent --help lists the commands' : `did you mean "pwagent ${guess}"?`;
  return new AppError('USAGE', `unknown command "${word}"`, { hint });
}

function debugLast(words: readonly string[]): string[] {
  const at = words.findIndex((word) => !/^--debug(?:=|$)/.test(word));
  return at > 0 ? [...words.slice(at), ...words.slice(0, at)] : [...words];
}

/** `--debug` may stand before the command and within it, as it could with the old worker. */
function commandFirst(argv: readonly string[]): string[] {
  const words = debugLast(argv.filter((word) => word !== '--verbose'));
  return words[0] === 'worker' ? ['worker', ...debugLast(words.slice(1))] : words;
}

const HELP = ['--help', '-h', 'help'];

/**
 * Picks the command that `argv` (without program name) asks for, runs it, and returns the exit code. `calledAs` is the
 * name, perhaps a path, by which the program was started.
 */
export async function runCommand(argv: readonly string[], context: CliContext, calledAs = ''): Promise<number> {
  const words = commandFirst(argv);
  const [first = '--help', second = '--help'] = words;
  const isOldName = calledAs.split('/').at(-1) === OLD_NAME;
  if (words.length > 0 && isOldName) refuseUnderOldName(words);
  if (HELP.includes(first)) {
    context.stdout.write(overview(isOldName));
    return words.length === 0 ? EXIT.usage : EXIT.ok;
  }
  if (first === '--version') return runCommand(['version'], context);
  const pair = COMMANDS[`${first} ${second}`];
  if (pair !== undefined) return (await pair.load()).run(words.slice(2), context);
  if (first === 'worker' && HELP.includes(second)) {
    context.stdout.write(groupOverview(first));
    return words.length === 1 ? EXIT.usage : EXIT.ok;
  }
  const single = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  if (single === undefined) throw unknownCommand(first === 'worker' ? `worker ${second}` : first);
  return (await single.load()).run(words.slice(1), context);
}
