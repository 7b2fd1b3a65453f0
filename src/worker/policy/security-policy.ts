/** A directory of this machine that tasks may mount. */
export interface VolumeRule {
  /**
   * An absolute path in which `*` stands for any run of characters. One that ends in `/*` means the directory before
   * it and everything below; one without `*` means that path alone.
   */
  readonly source: string;
  /** Mounted read-only whatever the task asks. */
  readonly forceReadonly: boolean;
}

export interface TartRules {
  /** Patterns; empty allows any image. */
  readonly allowedImages: readonly string[];
  /** The first that matches decides; empty allows no volume. */
  readonly allowedVolumes: readonly VolumeRule[];
  readonly forceSoftnet: boolean;
  /** Networks that stay reachable whenever Softnet is in use. */
  readonly softnetAllow: readonly string[];
}

export interface ContainerRules {
  readonly allowedImages: readonly string[];
  /** Undefined allows every volume. */
  readonly allowedVolumes: readonly VolumeRule[] | undefined;
}

export interface VetuRules {
  readonly allowedImages: readonly string[];
}

/** What a worker lets tasks do. A kind without rules is denied. */
export interface SecurityPolicy {
  readonly none: boolean;
  readonly parallels: boolean;
  readonly container: ContainerRules | undefined;
  readonly tart: TartRules | undefined;
  readonly vetu: VetuRules | undefined;
}

/** The policy of a worker without `security:`: every kind, but no volume for Tart. */
export const DEFAULT_POLICY: SecurityPolicy = {
  none: true,
  parallels: true,
  container: { allowedImages: [], allowedVolumes: undefined },
  tart: { allowedImages: [], allowedVolumes: [], forceSoftnet: false, softnetAllow: [] },
  vetu: { allowedImages: [] },
};
