import type { Environment } from '../../platform/environment.ts';
import { defaultWorkerName } from '../../platform/host.ts';
import { othersMayRead, readSmallFile } from '../../platform/text-file.ts';
import type { WorkerOptions } from '../../worker/configuration/options.ts';
import { overrideWarning } from '../../worker/configuration/overrides.ts';
import { remarksOn } from '../../worker/configuration/remarks.ts';
import { resolveWorkerOptions } from '../../worker/configuration/resolve-options.ts';
import type { Settings } from '../../worker/configuration/settings.ts';
import { parseWorkerFile, type WorkerFile } from '../../worker/configuration/worker-file.ts';
import { type CommonFlags, settingsOfEnvironment, settingsOfFlags } from './common-flags.ts';

/** All that a command about a worker was told, with what its owner should know about that. */
export interface Loaded {
  readonly file: WorkerFile;
  readonly settings: Settings;
  readonly warnings: readonly string[];
}

function warningsOf(flags: CommonFlags, text: string, file: WorkerFile): string[] {
  const { tokenFile, file: path } = flags;
  const holdsToken =
    /(?:^|[\s{,])["']?token["']?\s*:\s*["']?[^\s"'$]/m.test(text) && (file.token ?? file.upstreams) != null;
  const open = [
    tokenFile !== undefined && tokenFile !== '-' ? [tokenFile] : [],
    path !== undefined && holdsToken ? [path] : [],
  ].flat();
  return [
    ...(flags.token === undefined
      ? []
      : [
          '--token shows the token to every user of this machine; --token-file, PWAGENT_TOKEN and standard input do not',
        ]),
    ...open
      .filter(othersMayRead)
      .map((name) => `${name} holds a token and other users may open it: run chmod 600 ${name}`),
    ...remarksOn(text),
  ];
}

/** Reads file, environment and flags of one start. Throws `AppError` (CONFIG, USAGE). */
export function loadSettings(flags: CommonFlags, env: Environment): Loaded {
  const text = flags.file ? readSmallFile(flags.file, 'configuration file') : '';
  const name = flags.file || 'the configuration';
  const file = parseWorkerFile(text, name, env);
  const [ofEnvironment, ofFlags] = [settingsOfEnvironment(env), settingsOfFlags(flags)];
  const given = Object.fromEntries(Object.entries(ofFlags).filter(([, value]) => value !== undefined));
  const override = overrideWarning(name, file, ofEnvironment, ofFlags);
  const warnings = [...(override === undefined ? [] : [override]), ...warningsOf(flags, text, file)];
  return { file, settings: { ...ofEnvironment, ...given }, warnings };
}

/** The whole configuration of a worker. Throws `AppError` (CONFIG, USAGE). */
export function loadOptions(
  flags: CommonFlags,
  env: Environment,
  more: Settings = {},
): { options: WorkerOptions; warnings: readonly string[] } {
  const { file, settings, warnings } = loadSettings(flags, env);
  return { options: resolveWorkerOptions(file, { ...settings, ...more }, defaultWorkerName()), warnings };
}
