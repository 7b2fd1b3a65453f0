import { AppError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';

export interface StatusInput {
  readonly help: boolean;
  readonly json: boolean;
  readonly watch: boolean;
  readonly socket: string | undefined;
  readonly config: string | undefined;
}

const FLAGS = ['--socket', '--config', '--json', '--watch', '--help'];

export const STATUS_HELP = `Usage: pwagent status [options]

Tell where the supervisor of this machine stands.

Options:
  --socket <path>  control socket of the supervisor
  --config <file>  configuration that names the socket (default: /etc/pwagent/pwagent.yml)
  --json           print one JSON object
  --watch          print again every two seconds, until Ctrl-C
  -h, --help       show this help

Exit codes: 0 serving; 1 draining, stopping or halted; 2 withdrawn; 3 unhealthy; 4 not running;
64 wrong usage; 77 the socket may not be opened; 78 the configuration cannot be read.

Examples:
  $ pwagent status                  of the supervisor that launchd or systemd keeps
  $ pwagent status --json --watch   one JSON object every two seconds
`;

function usage(message: string, hint = 'see pwagent status --help'): AppError {
  return new AppError('USAGE', message, { hint });
}

function unknown(word: string): AppError {
  const guess = word.startsWith('-') ? nearest(word, FLAGS) : undefined;
  if (guess !== undefined) return usage(`unknown option '${word}'`, `did you mean ${guess}?`);
  return usage(word.startsWith('-') ? `unknown option '${word}'` : `unexpected argument '${word}'`);
}

/** Reads the few flags by hand: this command answers before a flag library is loaded. Throws `AppError` (USAGE). */
export function parseStatusInput(args: readonly string[]): StatusInput {
  const switches = new Set<string>();
  const values = new Map<string, string>();
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [flag = '', inline] = word.startsWith('--') ? word.split(/=(.*)/s) : [word];
    if (flag === '--socket' || flag === '--config') {
      const value = inline ?? rest.shift();
      if (value === undefined || value === '') throw usage(`option '${flag}' needs a value`);
      values.set(flag, value);
    } else if (inline === undefined && ['--json', '--watch', '--help', '-h'].includes(flag)) {
      switches.add(flag === '-h' ? '--help' : flag);
    } else throw unknown(word);
  }
  if (values.size > 1) throw usage('--socket and --config exclude each other', 'name one of them');
  return {
    help: switches.has('--help'),
    json: switches.has('--json'),
    watch: switches.has('--watch'),
    socket: values.get('--socket'),
    config: values.get('--config'),
  };
}
