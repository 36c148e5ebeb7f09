import type { HealthCheckConfiguration } from '../state/listeners.ts';
import type { Clock, Timer } from './clock.ts';

/** `unavailable`: not known yet. */
export type CheckedHealth = 'normal' | 'abnormal' | 'unavailable';

/**
 * Checks one row repeatedly. Its health changes after as many consecutive equal results as the threshold requires, including the first
 * time. The first check starts immediately, each further one an interval after the end of the previous one.
 */
export class HealthCheck {
  readonly #clock: Clock;
  readonly #configuration: () => HealthCheckConfiguration;
  readonly #probe: (configuration: HealthCheckConfiguration) => Promise<boolean>;
  readonly #onChange: (health: CheckedHealth) => void;
  #health: CheckedHealth = 'unavailable';
  /** Consecutive equal results: positive if passed, negative if failed. */
  #run = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: {
    readonly clock: Clock;
    readonly configuration: () => HealthCheckConfiguration;
    readonly probe: (configuration: HealthCheckConfiguration) => Promise<boolean>;
    readonly onChange: (health: CheckedHealth) => void;
  }) {
    this.#clock = options.clock;
    this.#configuration = options.configuration;
    this.#probe = options.probe;
    this.#onChange = options.onChange;
    void this.#check();
  }

  get health(): CheckedHealth {
    return this.#health;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #check(): Promise<void> {
    const configuration = this.#configuration();
    const passed = await this.#probe(configuration);
    if (this.#stopped) return;
    this.#take(passed, configuration);
    this.#timer = this.#clock.setTimeout(() => void this.#check(), configuration.intervalMs);
  }

  #take(passed: boolean, { healthyThreshold, unhealthyThreshold }: HealthCheckConfiguration): void {
    this.#run = passed ? Math.max(this.#run, 0) + 1 : Math.min(this.#run, 0) - 1;
    const health =
      this.#run >= healthyThreshold ? 'normal' : -this.#run >= unhealthyThreshold ? 'abnormal' : this.#health;
    if (health === this.#health) return;
    this.#health = health;
    this.#onChange(health);
  }
}
