import type { RunnerShape } from './busy-rule.ts';
import type { DrainWay } from './intake.ts';

export type PresetName = 'none' | 'github-actions' | 'buildkite' | 'gitlab' | 'forgejo' | 'cirrus';

/** What is known of a runner; docs/runners.md says where each fact comes from. */
export interface Preset {
  readonly shape: RunnerShape | undefined;
  /** The runner's own way to take no more jobs. */
  readonly drain: DrainWay;
}

/** Further text of a command line decides nothing, and whoever writes it is not our friend. */
const READ_CHARACTERS = 4_096;

/**
 * A test for a command line whose program is called `name` and whose arguments match `args` (both regular
 * expressions). The program's folder may contain blanks, but no blank before a `/` or `-`: that begins an argument.
 */
function program(name: string, args = ''): (command: string) => boolean {
  const shape = new RegExp(`^(?:\\.{0,2}/(?:(?:(?! [/-]).)*/)?)?${name}(?= |$)${args}`);
  return (command) => shape.test(command.slice(0, READ_CHARACTERS));
}

/** Among the arguments, not necessarily first: global flags may stand before a subcommand. */
const having = (word: string) => ` (?:.* )?${word}(?: |$)`;

const never = () => false;

const [cirrusAgent, cirrusWithAgent] = [
  program('cirrus-ci-agent[^ /]*'),
  program('cirrus(?:-[^ /]+-[a-z0-9]+-[a-z0-9_]+)?', ' agent(?: |$)'),
];

const PRESETS: Readonly<Record<PresetName, Preset>> = {
  none: { shape: undefined, drain: { tag: 'none' } },
  // SIGINT cancels the job that runs, so it may only be sent between two jobs.
  'github-actions': {
    shape: {
      isRunner: program('Runner\\.Listener', having('run')),
      isJob: program('Runner\\.Worker'),
      childrenAreJobs: false,
    },
    drain: { tag: 'signal', signal: 'SIGINT', when: 'idle' },
  },
  // The first SIGTERM lets the job end, a second one cancels it.
  buildkite: {
    shape: {
      isRunner: program('buildkite-agent[^ /]*', having('start')),
      isJob: program('buildkite-agent[^ /]*', having('bootstrap')),
      childrenAreJobs: true,
    },
    drain: { tag: 'signal', signal: 'SIGTERM', when: 'at-once' },
  },
  gitlab: {
    shape: {
      isRunner: program('gitlab-runner[^ /]*', having('run')),
      isJob: never,
      childrenAreJobs: true,
    },
    drain: { tag: 'signal', signal: 'SIGQUIT', when: 'at-once' },
  },
  forgejo: {
    shape: {
      isRunner: program('(?:forgejo-runner|act_runner|gitea-runner)[^ /]*', having('daemon')),
      isJob: never,
      childrenAreJobs: true,
    },
    drain: { tag: 'signal', signal: 'SIGTERM', when: 'at-once' },
  },
  // TERM would cancel what runs; the agents report by themselves and live on without the listener.
  cirrus: {
    shape: {
      isRunner: program('cirrus(?:-[^ /]+-[a-z0-9]+-[a-z0-9_]+)?', ' (?:.* )?worker (?:.* )?run(?: |$)'),
      isJob: (command) => cirrusAgent(command) || cirrusWithAgent(command),
      childrenAreJobs: false,
    },
    drain: { tag: 'signal', signal: 'SIGKILL', when: 'at-once' },
  },
};

export function presetOf(name: PresetName): Preset {
  return PRESETS[name];
}
