import { type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

function methodDefinition(service: DescService, method: DescMethod): MethodDefinition<Message, Message> {
  const clientStream = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
  const serverStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: clientStream,
    responseStream: serverStream,
    requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** What the gRPC library needs to know of a generated service; keys are method names as in the `.proto`. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(service, method)]));
}
