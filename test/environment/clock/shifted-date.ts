import { readFileSync } from 'node:fs';

/**
 * Loaded into the operator's process before the operator (`node --import`): shifts `Date` by the number of milliseconds that a file
 * contains at that moment. A library that intercepts system calls would do the same, but not every machine has one.
 */
const file = process.env['TEST_CLOCK_FILE'] ?? '';
const RealDate = Date;
const now = () => RealDate.now() + Number(readFileSync(file, 'utf8'));

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length > 0 ? args : [now()], newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});
