import type { Secret } from '../lib/secret.ts';
import type { Leftover } from './leftovers.ts';
import type { Seen } from './seen.ts';
import type { Platform } from './services.ts';

/** What the configuration that will be in force says about the installation. */
export interface ConfigSummary {
  readonly name: string | undefined;
  readonly user: string | undefined;
  readonly dedicated: boolean;
  /** The worker is our own, so that it needs `worker.yml` and a token. */
  readonly builtin: boolean;
  readonly workerFile: string;
  readonly tokenFile: string;
  readonly stateDir: string;
  /** `shutdown.command` is written there, so that even a machine that is never armed can be ended. */
  readonly namesShutdown: boolean;
  /** Undefined: `metadata.source: none`. */
  readonly endpoint: string | undefined;
  readonly readyTag: string;
  readonly socket: string;
  readonly minFreeBytes: number;
}

/** What the operator asked for. */
export interface InstallOptions {
  /** Prepares a machine image: marker `any`, nothing is started. */
  readonly image: boolean;
  /** Ends what an older set-up left. */
  readonly replace: boolean;
  readonly name: string | undefined;
  readonly user: string | undefined;
  /** Texts of given files; undefined where none was given. */
  readonly configText: string | undefined;
  readonly workerText: string | undefined;
  readonly token: Secret | undefined;
}

/** What the plan is made from. */
export interface InstallFacts {
  readonly platform: Platform;
  /** `/`, or the folder that files are staged in. */
  readonly root: string;
  /** Of this process. */
  readonly uid: number;
  /** The executable to install. */
  readonly binary: { readonly path: string; readonly sha256: string };
  /** Of the executable in place: macOS holds back what was downloaded, and kills what is wrongly signed. */
  readonly signature: { readonly quarantined: boolean; readonly valid: boolean };
  readonly seen: ReadonlyMap<string, Seen>;
  /** Undefined when no metadata service told one. */
  readonly instanceId: string | undefined;
  /** `undefined` where no configuration is there and none was given. */
  readonly config: ConfigSummary | undefined;
  /** The account that the worker will run as. */
  readonly user: { readonly name: string; readonly exists: boolean };
  /** The account can be made: there is a place for it. */
  readonly canMakeUser: boolean;
  readonly loaded: { readonly deadline: boolean; readonly supervisor: boolean };
  readonly leftovers: readonly Leftover[];
}
