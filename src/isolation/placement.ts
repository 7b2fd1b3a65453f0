import type {
  Isolation_Container,
  Isolation_Parallels,
  Isolation_Tart,
  Isolation_Vetu,
} from '../rpc/gen/cirrus_ci_service_pb.ts';

/** A directory of this machine as it must be mounted: nothing of what a server wrote is left in `source`. */
export interface Mount {
  /** Real path: absolute, no symbolic link, no `..`. */
  readonly source: string;
  /** The source is not there yet: it is made, one level, and goes again with the instance. */
  readonly create: boolean;
  readonly readOnly: boolean;
  /** Path in the container or guest; empty: wherever the guest shows it. */
  readonly target: string;
  /** Name of a share of Tart; empty: the engine invents one. */
  readonly name: string;
}

type Parameters<Message, Decided extends string = never> = Readonly<
  Omit<Message, '$typeName' | '$unknown' | 'volumes' | 'softnet' | Decided>
>;

/**
 * Where and how a task may run, after the worker's policy: engines carry it out as it stands. What the policy decides is
 * taken out of the parameters, so that no engine can read the server's own wish by mistake.
 */
export type Placement =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'container';
      readonly parameters: Parameters<Isolation_Container>;
      readonly mounts: readonly Mount[];
    }
  | {
      readonly kind: 'tart';
      readonly parameters: Parameters<Isolation_Tart>;
      readonly mounts: readonly Mount[];
      readonly softnet: boolean;
      /** Networks that stay reachable; empty without Softnet. */
      readonly softnetAllow: readonly string[];
    }
  | { readonly kind: 'vetu'; readonly parameters: Parameters<Isolation_Vetu> }
  | { readonly kind: 'parallels'; readonly parameters: Parameters<Isolation_Parallels> };
