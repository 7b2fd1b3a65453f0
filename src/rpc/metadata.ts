/** Header names of the protocol (specification, section 4). If one occurs more than once, the first value counts. */
export const HEADER = {
  registrationToken: 'registration-token',
  sessionToken: 'session-token',
  workerName: 'worker-name',
  taskId: 'org.cirruslabs.task-id',
  clientSecret: 'org.cirruslabs.client-secret',
  apiEndpoint: 'org.cirruslabs.api-endpoint',
} as const;

/** Metadata headers of a call, by lower-case name. */
export type Headers = Readonly<Record<string, string>>;
