import type { Call } from './call.ts';
import { ApiError } from './errors.ts';

/** A denial; omitted fields match everything. RAM policies of this API name the load balancer, not the group. */
export interface Denial {
  readonly action?: string;
  readonly loadBalancer?: string;
  readonly accessKeyId?: string;
  /** Default Forbidden.RAM. */
  readonly code?: string;
}

/** RAM: everything is allowed unless it is denied. */
export class AccessPolicy {
  readonly #denials = new Set<Denial>();

  constructor(denials: readonly Denial[]) {
    for (const denial of denials) this.deny(denial);
  }

  /** Returns a function that lifts the denial. */
  deny(denial: Denial): () => void {
    this.#denials.add(denial);
    return () => this.#denials.delete(denial);
  }

  allowAll(): void {
    this.#denials.clear();
  }

  check(call: Call): void {
    for (const denial of this.#denials) {
      const denied =
        (denial.action === undefined || denial.action === call.action) &&
        (denial.loadBalancer === undefined || denial.loadBalancer === call.loadBalancer) &&
        (denial.accessKeyId === undefined || denial.accessKeyId === call.accessKeyId);
      if (!denied) continue;
      throw new ApiError(denial.code ?? 'Forbidden.RAM', {
        httpStatus: 403,
        details: {
          AccessDeniedDetail: { AuthAction: `slb:${call.action}`, NoPermissionType: 'ImplicitDeny' },
        },
      });
    }
  }
}
