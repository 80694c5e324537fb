import { describe, expect, it } from 'vitest';
import { ElanusError, type ErrorKey, errorSpecs } from '#base/errors.js';
import { ErrorCode, Status } from '#proto/milvus/common.js';
import { errorOfStatus, statusOf, successStatus } from './wire-status.js';

describe('wire status', () => {
  it('success sets nothing', () => {
    expect(Status.encode(successStatus()).finish()).toHaveLength(0);
    expect(errorOfStatus(successStatus())).toBeUndefined();
    expect(errorOfStatus(undefined)).toBeUndefined();
  });
  it('every key comes back over the wire', () => {
    for (const key of Object.keys(errorSpecs) as ErrorKey[]) {
      const status = Status.decode(
        Status.encode(statusOf(new ElanusError(key, 'why: invalid parameter'))).finish(),
      );
      const back = errorOfStatus(status);
      expect(back?.key).toBe(key);
      expect(back?.message).toBe('why: invalid parameter');
      expect(status.code).toBe(errorSpecs[key].code);
      expect(status.errorCode).toBe(errorSpecs[key].legacy);
    }
  });
  it('cuts a reason that quotes a huge request in its middle', () => {
    const { reason } = statusOf(
      new ElanusError('invalid_parameter', `name ${'x'.repeat(1_000_000)} is too long`),
    );
    expect(reason.length).toBeLessThan(5000);
    expect(reason).toMatch(
      /^name x+ \.\.\. \(\d+ characters left out\) \.\.\. x+ is too long: invalid parameter$/,
    );
  });
  it('marks mistakes of the caller and what may be retried', () => {
    const bad = statusOf(new ElanusError('invalid_parameter', 'no'));
    expect(bad).toMatchObject({
      reason: 'no: invalid parameter',
      retriable: false,
      extraInfo: { is_input_error: 'true' },
      errorCode: ErrorCode.IllegalArgument,
    });
    expect(statusOf(new ElanusError('service_not_ready', 'wait'))).toMatchObject({
      retriable: true,
      code: 1,
      errorCode: ErrorCode.NotReadyServe,
    });
    expect(statusOf(new ElanusError('duplicate_collection', 'x')).retriable).toBe(false);
  });
  it('understands foreign statuses', () => {
    expect(errorOfStatus(Status.create({ code: 100, reason: 'x' }))?.key).toBe('collection_not_found');
    expect(errorOfStatus(Status.create({ code: 4711, reason: 'x' }))?.key).toBe('internal');
    expect(errorOfStatus(Status.create({ code: 4711, extraInfo: { is_input_error: 'true' } }))?.key).toBe(
      'refused',
    );
    expect(errorOfStatus(Status.create({ errorCode: ErrorCode.IndexNotExist }))?.key).toBe('index_not_found');
    expect(errorOfStatus(Status.create({ errorCode: ErrorCode.UnexpectedError }))?.key).toBe('internal');
  });
});
