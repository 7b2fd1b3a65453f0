import { clone, equals, toBinary } from '@bufbuild/protobuf';
import {
  type Isolation,
  IsolationSchema,
  type StandbyInstanceParameters,
  StandbyInstanceParametersSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';

/** Login and port of machines that name none; specification of the worker, section 9.1. */
const LOGIN = 'admin';
const SSH_PORT = 22;

/** A larger set of parameters is no machine's description. */
const MAX_PARAMETERS_BYTES = 64 * 1024;

/** A copy with the defaults written out, so that a value that is absent equals one that says the same. */
function normalised(isolation: Isolation): Isolation {
  const copy = clone(IsolationSchema, isolation);
  if (copy.type.case === 'tart' || copy.type.case === 'vetu') {
    copy.type.value.user ||= LOGIN;
    copy.type.value.password ||= LOGIN;
    copy.type.value.port ||= SSH_PORT;
  }
  return copy;
}

/** The image of a machine; empty for what has none. */
export function imageOf(isolation: Isolation | undefined): string {
  const type = isolation?.type;
  return type?.case === undefined || type.case === 'none' ? '' : type.value.image;
}

/** Whether a machine that was made for one serves the other just as well. */
export function sameIsolation(left: Isolation | undefined, right: Isolation | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  return equals(IsolationSchema, normalised(left), normalised(right));
}

/** Whether two sets of parameters describe the same standby: isolation, resources, warm-up. */
export function sameParameters(left: StandbyInstanceParameters, right: StandbyInstanceParameters): boolean {
  if (!sameIsolation(left.isolation, right.isolation)) return false;
  const rest = { ...left, isolation: right.isolation };
  return equals(StandbyInstanceParametersSchema, rest as StandbyInstanceParameters, right);
}

/** Why a server's parameters cannot become a standby, in a sentence; undefined when they can. */
export function parametersProblem(parameters: StandbyInstanceParameters): string | undefined {
  const kind = parameters.isolation?.type.case;
  if (kind !== 'tart' && kind !== 'vetu') return `a standby is a Tart or Vetu machine, not ${kind ?? 'nothing'}`;
  if (imageOf(parameters.isolation) === '') return 'it names no image';
  const amounts = Object.values(parameters.resources);
  if (!amounts.every((amount) => amount >= 0 && amount <= 1e9)) return 'it asks for resources that are no amounts';
  if (toBinary(StandbyInstanceParametersSchema, parameters).length > MAX_PARAMETERS_BYTES) return 'it is too long';
  return undefined;
}
