import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Instance } from '../isolation/instance.ts';
import type {
  Isolation,
  StandbyInstanceInformationSchema,
  StandbyInstanceParameters,
} from '../rpc/gen/cirrus_ci_service_pb.ts';

/** A warm instance that waits for a task, as the loop and starting tasks see it. None of these waits for anything. */
export interface StandbyOffer {
  /** Tasks have come in one answer, and have their resources: all of them are looked at before it is decided who gets it. */
  announce(isolations: readonly (Isolation | undefined)[]): void;
  /** The warm instance, if it is just what the task asks for: the caller has to close it from then on. */
  take(isolation: Isolation | undefined): Instance | undefined;
  /** What each poll tells of it. */
  readonly advertised: readonly MessageInitShape<typeof StandbyInstanceInformationSchema>[];
  /** A server wants another standby. */
  update(parameters: StandbyInstanceParameters): void;
}
