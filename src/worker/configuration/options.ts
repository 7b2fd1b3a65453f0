import type { Amounts } from '../../lib/amounts.ts';
import type { Secret } from '../../lib/secret.ts';
import type { Endpoint } from '../../rpc/endpoint.ts';
import type { StandbyInstanceParameters } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { SecurityPolicy } from '../policy/security-policy.ts';

/** One control plane and the pool there. */
export interface UpstreamOptions {
  readonly token: Secret;
  /** Used for the worker's own calls, and given to agents. */
  readonly endpoint: Endpoint;
}

export interface LogSettings {
  /** A key of `LOG_LEVELS`. */
  readonly level: string;
  /** Undefined: the standard error stream. */
  readonly file: string | undefined;
  /** Undefined: the file is never rotated. */
  readonly rotateSizeBytes: number | undefined;
  /** How many rotated files stay; 0 keeps all. */
  readonly maxRotations: number;
}

export interface TartPrePull {
  readonly images: readonly string[];
  /** 0: at every opportunity. */
  readonly checkIntervalMs: number;
  readonly jitterMs: number;
}

/** Extra arguments for a virtual machine, which one task at a time may have. */
export interface ResourceModifier {
  /** Takes a task that asks for each of these resources, and for no more of it than this; empty takes any task. */
  readonly match: Amounts;
  readonly append: { readonly run: readonly string[] };
}

/** Everything that a worker was told, parsed and complete. */
export interface WorkerOptions {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Amounts;
  readonly upstreams: readonly [UpstreamOptions, ...UpstreamOptions[]];
  readonly log: LogSettings;
  readonly security: SecurityPolicy;
  /** The machine to keep ready, as it goes over the wire: Tart or Vetu, defaults filled in. */
  readonly standby: StandbyInstanceParameters | undefined;
  readonly tartPrePull: TartPrePull | undefined;
  readonly resourceModifiers: readonly ResourceModifier[];
  /** `mtu` undefined: Vetu's own default. */
  readonly tuning: { readonly vetu: { readonly mtu: number | undefined } };
  /** One task, then the worker takes its leave of the server and ends. */
  readonly ephemeral: boolean;
  /** End with 69 when a server refuses this worker for good, instead of trying on. */
  readonly exitOnRefusal: boolean;
}
