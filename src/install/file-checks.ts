import type { Check, DoctorFacts } from './doctor-facts.ts';
import { PATHS } from './paths.ts';

interface Rule {
  readonly path: string;
  /** Permission bits that must not be set. */
  readonly forbidden: number;
  readonly required: boolean;
  readonly mode: string;
  /** How to get it where it is missing. */
  readonly from?: string;
}

/** Folders above the executable that somebody else could swap it in. */
const FOLDERS = ['/usr/local', '/usr/local/bin'];

const TOKEN_FROM = 'run pwagent install --token-source ssm:NAME, or --token-file FILE';

function rulesOf({ config }: DoctorFacts): Rule[] {
  const [worker, token, state] = config.ok
    ? [config.value.workerFile, config.value.tokenFile, config.value.stateDir]
    : [PATHS.worker, PATHS.token, PATHS.state];
  const builtin = !config.ok || config.value.builtin;
  return [
    { path: PATHS.binary, forbidden: 0o022, required: true, mode: '0755' },
    { path: PATHS.folder, forbidden: 0o022, required: true, mode: '0755' },
    { path: PATHS.config, forbidden: 0o022, required: true, mode: '0644' },
    { path: worker, forbidden: 0o077, required: false, mode: '0600' },
    { path: token, forbidden: 0o077, required: builtin, mode: '0600', from: TOKEN_FROM },
    { path: state, forbidden: 0o077, required: true, mode: '0700' },
    ...FOLDERS.map((path) => ({ path, forbidden: 0o022, required: false, mode: '0755' })),
  ];
}

/** Paths that these checks ask about. */
export function pathsToCheck(config: DoctorFacts['config']): string[] {
  return rulesOf({ config } as DoctorFacts).map(({ path }) => path);
}

function problemOf({ path, forbidden, required, mode, from }: Rule, { seen }: DoctorFacts) {
  const now = seen.get(path);
  if (now === undefined) return { problem: `${path} cannot be looked at`, mend: 'run sudo pwagent doctor' };
  if (now.kind === 'absent') {
    return required ? { problem: `${path} is missing`, mend: from ?? 'run pwagent install' } : undefined;
  }
  if (now.kind === 'link' || now.kind === 'other') return undefined;
  if (now.uid !== 0) {
    return { problem: `${path} belongs to user ${now.uid}, not to root`, mend: `run sudo chown root ${path}` };
  }
  if ((now.mode & forbidden) === 0) return undefined;
  const others = (forbidden & 0o044) === 0 ? 'changed' : 'read';
  return { problem: `${path} can be ${others} by other users`, mend: `run sudo chmod ${mode} ${path}` };
}

/** Owners and modes: one check that is right, or one for each file that is not. */
export function fileChecks(facts: DoctorFacts): Check[] {
  const name = 'permissions';
  const problems = rulesOf(facts).flatMap((rule) => problemOf(rule, facts) ?? []);
  if (problems.length === 0) return [{ name, verdict: 'ok', says: 'owners and modes are right', mend: undefined }];
  return problems.map(({ problem, mend }) => ({ name, verdict: 'fail', says: problem, mend }));
}
