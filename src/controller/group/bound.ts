import type { EventReason } from '../../api/conditions.ts';
import type { Claim } from '../../membership/plan/claim.ts';
import type { Granted } from '../binding/granted.ts';
import type { Preparation } from '../binding/preparation.ts';
import type { BindingObject } from '../cluster/cluster-caches.ts';

/** A binding on the group, with its claim unless it has none (see `gather`). */
export interface Bound {
  readonly object: BindingObject;
  readonly granted: Granted;
  /** Its namespace may not be read now: it is left as it is, and nothing is written about it. */
  readonly isClosed: boolean;
  readonly claim: Claim | undefined;
  readonly notices: readonly Notice[];
  readonly preparation: Preparation | undefined;
}

/** Something that the binding's user should know although it does not stop anything from being served. */
export interface Notice {
  readonly reason: Extract<
    EventReason,
    | 'InvalidWeight'
    | 'AmbiguousPort'
    | 'EndpointsTruncated'
    | 'AddressOutside'
    | 'HoldTooShort'
    | 'GrantsUnreadable'
    | 'GroupRenamed'
  >;
  readonly message: string;
  /** The notice is reported again when this changes. Default: the message. */
  readonly about?: string;
}
