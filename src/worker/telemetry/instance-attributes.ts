import type { Isolation } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Attributes } from './telemetry.ts';

/** What metrics and spans say of an instance; specification of the worker, section 11. */
export function instanceAttributes(isolation: Isolation | undefined): Attributes {
  const type = isolation?.type;
  switch (type?.case) {
    case 'container':
    case 'tart':
    case 'vetu':
      return { instance_type: type.case, image: type.value.image, instance_cpus: type.value.cpu };
    case 'parallels':
      return { instance_type: 'parallels', image: type.value.image };
    default:
      return { instance_type: 'none' };
  }
}
