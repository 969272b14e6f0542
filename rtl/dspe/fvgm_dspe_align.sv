// Edge of an array of DSP-E chains: turns eight k of one line (a row or pair of rows, or a column)
// into the integers that a chain multiplies. Shared by all chains of the line.
//
//   INT8   rows (Pair): x = {byte of row 1, byte of row 0} becomes row1 * 2^18 + row0; columns: x[7:0]
//   FP16   the significand with its sign, shifted so that equal bits of the eight weigh the same.
//          The operand holds Window exponents below the line's greatest, e_max, and Slack more of
//          numbers whose low bits are 0. Others belong to class 1 (the next Window exponents), or
//          2: they are zero in a pass that asks for another class (fvgm_dspe_passes). So every
//          product is exact.
//          x[k] = op_o[k] * 2^(exp_o - (Window - 1)) units of 2^-24. INT8: exp_o = Window - 1.
//
//   stage 1  unpack            3  distance to e_max      5  shift, for the class of the pass
//         2  greatest of fours 4  class of each          then slot s waits floor(s/2) cycles
//
// advance_i moves stages 1 to 4; stage 4 stays while its step goes through several passes. classes_o
// tells, with the step that stage 4 takes at the next advance, which classes are not empty.
// class_i: class of the pass that stage 5 takes. exp_o and kind_o come with slot 0. Latency:
// DspeAlignLatency cycles. Errors: none.
module fvgm_dspe_align
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
#(
  parameter int unsigned Bits = 27,
  parameter bit Pair = 1'b1,
  parameter int unsigned Slack = 0,
  localparam int unsigned Window = Bits - DspeSigBits + 1
) (
  input  logic clk_i,
  input  logic advance_i,
  input  precision_e precision_i,
  input  logic [DspeDepth-1:0][15:0] x_i,
  output logic [DspeClasses-1:0] classes_o,
  input  logic [1:0] class_i,
  output logic [DspeDepth-1:0][Bits-1:0] op_o,
  output logic [4:0] exp_o,
  output kind_t [DspeDepth-1:0] kind_o
);

  localparam int unsigned Shift = Window - 1;  // places of the line's greatest exponent

  // Stage 1: exponent field 0 stands for the same power of two as 1, without the hidden bit.
  logic int8_1_q, int8_2_q, int8_3_q, int8_4_q;
  logic [DspeDepth-1:0][DspeSigBits-1:0] sig1_q, sig2_q, sig3_q, sig4_q;
  logic [DspeDepth-1:0][15:0] raw1_q, raw2_q, raw3_q, raw4_q;
  logic [DspeDepth-1:0][4:0] exp1_q, exp2_q, distance3_q;
  kind_t [DspeDepth-1:0] kind1_q, kind2_q, kind3_q, kind4_q;

  function automatic kind_e kind_of(logic [14:0] magnitude);
    if (magnitude[14:10] == '1) return (magnitude[9:0] == '0) ? KindInf : KindNan;
    return (magnitude == '0) ? KindZero : KindNormal;
  endfunction

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      int8_1_q <= precision_i == PrecInt8;
      for (int unsigned k = 0; k < DspeDepth; k++) begin
        raw1_q[k] <= x_i[k];
        if (x_i[k][14:10] == '1) begin
          exp1_q[k] <= '0;
          sig1_q[k] <= '0;
        end else begin
          exp1_q[k] <= (x_i[k][14:10] == '0) ? 5'd0 : x_i[k][14:10] - 5'd1;
          sig1_q[k] <= ({1'b0, x_i[k][14:10] != '0, x_i[k][9:0]} ^ {DspeSigBits{x_i[k][15]}})
                       + DspeSigBits'(x_i[k][15]);
        end
        if (precision_i == PrecInt8) kind1_q[k] <= '{sign: 1'b0, kind: KindNormal};
        else kind1_q[k] <= '{sign: x_i[k][15], kind: kind_of(x_i[k][14:0])};
      end
    end
  end

  // Stages 2 and 3: the greatest exponent, and how far each is below it.
  logic [1:0][4:0] max2_q;
  logic [4:0] max3_q, max4_q, max;

  function automatic logic [4:0] greater(logic [4:0] x, logic [4:0] y);
    return (x > y) ? x : y;
  endfunction

  assign max = greater(max2_q[0], max2_q[1]);

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      int8_2_q <= int8_1_q;
      sig2_q <= sig1_q;
      raw2_q <= raw1_q;
      exp2_q <= exp1_q;
      kind2_q <= kind1_q;
      for (int unsigned h = 0; h < 2; h++) begin
        max2_q[h] <= greater(greater(exp1_q[4*h], exp1_q[4*h+1]),
                             greater(exp1_q[4*h+2], exp1_q[4*h+3]));
      end
      int8_3_q <= int8_2_q;
      sig3_q <= sig2_q;
      raw3_q <= raw2_q;
      kind3_q <= kind2_q;
      max3_q <= max;
      for (int unsigned k = 0; k < DspeDepth; k++) distance3_q[k] <= max - exp2_q[k];
    end
  end

  // Stage 4: class and shift of each.
  logic [DspeDepth-1:0][1:0] class4_d, class4_q;
  logic [DspeDepth-1:0][3:0] shift4_q;

  // An operand below the window whose low bits are 0 fits as well.
  function automatic logic fits(logic [4:0] distance, logic [DspeSigBits-1:0] sig);
    logic ok;
    ok = distance < 5'(Window);
    for (int unsigned i = 1; i <= Slack; i++) begin
      if (distance == 5'(Shift + i) && (sig & DspeSigBits'((1 << i) - 1)) == '0) ok = 1'b1;
    end
    return ok;
  endfunction

  always_comb begin
    classes_o = '0;
    for (int unsigned k = 0; k < DspeDepth; k++) begin
      class4_d[k] = 2'(!fits(distance3_q[k], sig3_q[k]))
                    + 2'(32'(distance3_q[k]) >= 2 * Window);
      if (!int8_3_q && sig3_q[k] != '0) classes_o[class4_d[k]] = 1'b1;
    end
    if (classes_o == '0) classes_o[0] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      int8_4_q <= int8_3_q;
      sig4_q <= sig3_q;
      raw4_q <= raw3_q;
      kind4_q <= kind3_q;
      max4_q <= max3_q;
      class4_q <= class4_d;
      for (int unsigned k = 0; k < DspeDepth; k++) begin
        // At most Window - 1 + Slack, so four bits hold it.
        shift4_q[k] <= 4'(distance3_q[k] - 5'(Window) * 5'(class4_d[k]));
      end
    end
  end

  // Stage 5: shift left by Window - 1 for e_max, less for the others.
  logic [DspeDepth-1:0][Bits-1:0] op5_q;
  logic [4:0] exp5_q;
  kind_t [DspeDepth-1:0] kind5_q;

  function automatic logic [Bits-1:0] int8_operand(logic [15:0] x);
    return Bits'($signed(x[7:0])) + (Pair ? Bits'($signed(x[15:8])) << 18 : '0);
  endfunction

  // Slack bits below the operand are 0 whatever the shift.
  function automatic logic [Bits-1:0] shifted(logic [DspeSigBits-1:0] sig, logic [3:0] shift);
    logic [Bits+Slack-1:0] wide;
    wide = (Bits + Slack)'($signed(sig)) << (4'(Shift + Slack) - shift);
    return Bits'(wide >> Slack);
  endfunction

  always_ff @(posedge clk_i) begin
    exp5_q <= int8_4_q ? 5'(Shift) : max4_q - 5'(Window) * 5'(class_i);
    kind5_q <= kind4_q;
    for (int unsigned k = 0; k < DspeDepth; k++) begin
      if (int8_4_q) op5_q[k] <= int8_operand(raw4_q[k]);
      else if (class4_q[k] != class_i) op5_q[k] <= '0;
      else op5_q[k] <= shifted(sig4_q[k], shift4_q[k]);
    end
  end

  assign exp_o = exp5_q;
  assign kind_o = kind5_q;

  for (genvar s = 0; s < DspeDepth; s++) begin : g_skew
    if (s < 2) begin : g_direct
      assign op_o[s] = op5_q[s];
    end else begin : g_delay
      logic [Bits-1:0] delay_q [s/2];
      always_ff @(posedge clk_i) begin
        delay_q[0] <= op5_q[s];
        for (int unsigned i = 1; i < s / 2; i++) delay_q[i] <= delay_q[i-1];
      end
      assign op_o[s] = delay_q[s/2-1];
    end
  end

endmodule
