// What a peer says about itself in a frame of settings. Pure.
import { type ErrorCode, errorCode, FRAME_BYTES_MAX, setting, WINDOW_BYTES_MAX } from './frames.js';

const SETTINGS_MAX = 32;
const SETTING_BYTES = 6;
const FRAME_BYTES_LIMIT = 0xffffff;

/** What is not there was not said, and stays as it was. */
export interface PeerSettings {
  /** Window of a stream, of those that there are as well. */
  window?: number;
  /** The longest frame that the peer takes. */
  frameBytes?: number;
}

/** Where something is said several times, the last counts. @returns a code for what may not be said */
export function readSettings(body: Buffer): PeerSettings | ErrorCode {
  if (body.length % SETTING_BYTES !== 0) return errorCode.frameSize;
  if (body.length / SETTING_BYTES > SETTINGS_MAX) return errorCode.calm;
  const settings: PeerSettings = {};
  for (let at = 0; at < body.length; at += SETTING_BYTES) {
    const value = body.readUInt32BE(at + 2);
    switch (body.readUInt16BE(at)) {
      case setting.push:
        if (value > 1) return errorCode.protocol;
        break;
      case setting.frameBytes:
        if (value < FRAME_BYTES_MAX || value > FRAME_BYTES_LIMIT) return errorCode.protocol;
        settings.frameBytes = value;
        break;
      case setting.window:
        if (value > WINDOW_BYTES_MAX) return errorCode.flowControl;
        settings.window = value;
        break;
      default: // What is not known is passed over.
    }
  }
  return settings;
}
