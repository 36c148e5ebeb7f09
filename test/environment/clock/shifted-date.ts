import { readFileSync } from 'node:fs';

/**
 * Loaded into the operator's process ahead of it (`node --import`): `Date` is off by as many milliseconds as a file says at
 * that moment. A library that lies to the system calls would do the same, but not every machine has one.
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
