import type { HubRequests } from '../hub-cli/hub-request.ts';

/** Where the source of a build is. */
export type BuildSource =
  | {
      readonly kind: 'tree';
      /** The work tree. */
      readonly folder: string;
      /** The configuration, relative to the work tree. */
      readonly file: string;
    }
  | {
      readonly kind: 'repository';
      readonly url: string;
      /** A commit, branch or tag; undefined for the newest of the branch. */
      readonly rev: string | undefined;
      readonly branch: string | undefined;
      /** Undefined for the usual name. */
      readonly file: string | undefined;
    };

/** A build to be started. */
export interface SubmitOptions {
  readonly api: HubRequests;
  readonly source: BuildSource;
  /** Variables for the configuration and for all tasks. */
  readonly variables: Readonly<Record<string, string>>;
  /** -100 to 100; undefined for the usual. */
  readonly priority?: number | undefined;
  /** Print one JSON object at the end and nothing else. */
  readonly json: boolean;
  /** Stay until the build is finished, showing its logs. */
  readonly follow: boolean;
}
