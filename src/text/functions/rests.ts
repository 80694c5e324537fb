// Turns for others, as whoever makes outputs of many rows gives them; `Pace` is one.
export interface Rests {
  readonly isDue: boolean;
  rest(): Promise<void>;
}
