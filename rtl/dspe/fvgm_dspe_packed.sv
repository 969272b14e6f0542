// Packed DSP-E: the steps of fvgm_dspe on one DSP58 and a single clock, to compare with the chain.
//
//   INT8   (b1 * 2^18 + b0) * (a1 * 2^9 + a0): four products, 9 bits apart. Each overlaps the next
//          by 7 bits; LUTs multiply the upper three modulo 128, which tells the products apart.
//   FP16   (|b1| * 2^15 + |b0|) * |a| of significands: two products, with the same correction; each
//          moves up by 0 to 58 and adds to an exact 96-bit sum (docs/numerics.md).
//
//   stage 1  operands    4  product P              6  products told apart   8-10  sums, 32 bits a
//         2  corrections 5  f: P less corrections  7  alignment                   stage; drain
//
// first_i restarts the sums with this step, last_i copies the sums that include this step to
// drain_o: INT8 acc[31:0] is row 2i, acc[63:32] row 2i + 1. Latency: drain_o changes
// DspePackedLatency cycles after the step with last_i, and holds. Throughput: one step per cycle,
// no handshake. Errors: none. INT8 sums wrap beyond 2^31, FP16 sums beyond 2^95 units.
module fvgm_dspe_packed
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,
  input  logic en_i,
  input  logic first_i,
  input  logic last_i,
  input  precision_e precision_i,
  input  logic [15:0] a_i,
  input  logic [1:0][15:0] b_i,
  output lane_t [1:0] drain_o
);

  localparam int unsigned ToX = 7;   // stage of the aligned addends
  localparam int unsigned Seg = 32;
  localparam int unsigned Segs = DspeAccBits / Seg;
  localparam int unsigned Stages = ToX + Segs - 1;  // the drain is one further

  typedef struct packed {
    logic first;
    logic last;
    logic int8;
  } step_t;

  // Beside a column's significands. flags: {nan, pinf, ninf}; a special product adds nothing.
  typedef struct packed {
    logic [2:0] flags;
    logic sign;
    logic [5:0] shift;
  } side_t;

  function automatic side_t fp16_side(logic [15:0] x, logic [15:0] y);
    logic nan, top, sign;
    sign = x[15] ^ y[15];
    top = x[14:10] == '1 || y[14:10] == '1;
    nan = (x[14:10] == '1 && x[9:0] != '0) || (y[14:10] == '1 && y[9:0] != '0)
          || x[14:0] == '0 || y[14:0] == '0;
    // Exponent field 0 stands for the same power of two as 1, without the hidden bit.
    return '{
      flags: {top && nan, top && !nan && !sign, top && !nan && sign},
      sign: sign,
      shift: 6'(x[14:10]) + 6'(y[14:10]) - 6'(x[14:10] != '0) - 6'(y[14:10] != '0)
    };
  endfunction

  function automatic logic [10:0] significand(logic [14:0] magnitude);
    return {magnitude[14:10] != '0, magnitude[9:0]};
  endfunction

  // x * y modulo 128 in LUTs.
  function automatic logic [6:0] low_product(logic [6:0] x, logic [6:0] y);
    logic [6:0] sum;
    sum = '0;
    for (int unsigned i = 0; i < 7; i++) sum = sum + ((x << i) & {7{y[i]}});
    return sum;
  endfunction

  // Control: index i belongs to stage i.
  logic [Stages:0] valid;
  logic [Stages-1:0] valid_q;
  step_t step [Stages+1];
  step_t step_q [Stages];
  side_t [1:0] side_q [ToX-1];
  logic int8;

  assign int8 = precision_i == PrecInt8;
  assign valid = {valid_q, en_i};
  assign step[0] = '{first: first_i, last: last_i, int8: int8};

  for (genvar i = 0; i < Stages; i++) begin : g_step
    assign step[i+1] = step_q[i];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= valid[Stages-1:0];
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < Stages; i++) step_q[i] <= step[i];
    for (int unsigned c = 0; c < 2; c++) begin
      side_q[0][c] <= int8 ? '0 : fp16_side(a_i, b_i[c]);
    end
    for (int unsigned i = 1; i < ToX - 1; i++) side_q[i] <= side_q[i-1];
  end

  // Stages 1 to 4: the product. The pre-adder joins the two columns.
  logic [26:0] col0, col1;
  logic [23:0] row;
  logic [57:0] p, unused_pcout;
  logic [33:0] unused_acout;
  logic [23:0] unused_bcout;
  logic unused_p;

  assign col0 = int8 ? 27'($signed(b_i[0][7:0])) : 27'(significand(b_i[0][14:0]));
  assign col1 = int8 ? 27'($signed(b_i[1][7:0])) << 18 : 27'(significand(b_i[1][14:0])) << 15;
  assign row = int8 ? (24'($signed(a_i[15:8])) << 9) + 24'($signed(a_i[7:0]))
                    : 24'(significand(a_i[14:0]));
  assign unused_p = ^p[57:43];

  fvgm_dsp58 #(
    .AReg(1),
    .BReg(2),
    .CReg(0),
    .DReg(1),
    .AdReg(1),
    .MReg(1),
    .PReg(1),
    .InmodeReg(0),
    .OpmodeReg(0),
    .AlumodeReg(0),
    .CarryReg(0),
    .AMultSel("AD")
  ) u_dsp (
    .clk_i(clk_i),
    .a_i(34'($signed(col0))),
    .b_i(row),
    .c_i('0),
    .d_i(col1),
    .inmode_i(5'b00100),
    .opmode_i(9'b00_000_01_01),
    .alumode_i('0),
    .negate_i(1'b0),
    .carry_i(1'b0),
    .cea1_i(1'b0),
    .cea2_i(1'b1),
    .ceb1_i(1'b1),
    .ceb2_i(1'b1),
    .ced_i(1'b1),
    .cead_i(1'b1),
    .cem_i(1'b1),
    .cec_i(1'b0),
    .cep_i(1'b1),
    .rsta_i(1'b0),
    .rstb_i(1'b0),
    .rstc_i(1'b0),
    .rstd_i(1'b0),
    .rstm_i(1'b0),
    .rstp_i(1'b0),
    .rstctrl_i(1'b0),
    .acin_i('0),
    .bcin_i('0),
    .acout_o(unused_acout),
    .bcout_o(unused_bcout),
    .pcin_i('0),
    .pcout_o(unused_pcout),
    .p_o(p)
  );

  // Stage 2: corrections. Product i is b[i/2] * a[i%2] at bit 9*i. The FP16 products overlap like
  // products 1 and 2: the low seven bits of operands and bytes are the same bits of the ports.
  logic [6:0] a0_q, a1_q, b0_q, b1_q;
  logic [3:1][6:0] corr2_q, corr3_q, corr4_q;

  always_ff @(posedge clk_i) begin
    a0_q <= a_i[6:0];
    a1_q <= a_i[14:8];
    b0_q <= b_i[0][6:0];
    b1_q <= b_i[1][6:0];
    corr2_q[1] <= low_product(a1_q, b0_q);
    corr2_q[2] <= low_product(a0_q, b1_q);
    corr2_q[3] <= low_product(a1_q, b1_q);
    corr3_q <= corr2_q;
    corr4_q <= corr3_q;
  end

  // Stage 5: P >> 9*i is product i, plus 2^9 * product i+1 and what lies above, plus f[i], the rest
  // of the products below: a number of seven bits, so the difference modulo 128 is all of it.
  // Stage 6: hence product i = {f[i+1], P[9*i+8:9*i]} - f[i].
  logic [3:1][6:0] f_q;
  logic [42:0] p_q;
  logic [1:0][31:0] product_q;  // INT8 {row 1, row 0}, FP16 22 bits

  always_ff @(posedge clk_i) begin
    p_q <= p[42:0];
    f_q[1] <= p[15:9] - corr4_q[1];
    f_q[2] <= (step[4].int8 ? p[24:18] : p[21:15]) - corr4_q[2];
    f_q[3] <= p[33:27] - corr4_q[3];
    if (step[5].int8) begin
      product_q[0][15:0] <= {f_q[1], p_q[8:0]};
      product_q[0][31:16] <= {f_q[2], p_q[17:9]} - 16'($signed(f_q[1]));
      product_q[1][15:0] <= {f_q[3], p_q[26:18]} - 16'($signed(f_q[2]));
      product_q[1][31:16] <= p_q[42:27] - 16'($signed(f_q[3]));
    end else begin
      product_q[0] <= 32'({f_q[2], p_q[14:0]});
      product_q[1] <= 32'(p_q[36:15] - 22'(f_q[2]));
    end
  end

  // Stage 7: addends. FP16: magnitudes, by 0..3, by 4s, by 16s.
  logic [1:0][DspeAccBits-1:0] x_q;

  function automatic logic [79:0] aligned(logic [21:0] sig, logic [5:0] shift);
    logic [24:0] by1;
    logic [36:0] by4;
    by1 = 25'(sig) << shift[1:0];
    by4 = 37'(by1) << {shift[3:2], 2'b0};
    unique case (shift[5:4])
      2'd0: return 80'(by4);
      2'd1: return 80'(by4) << 16;
      2'd2: return 80'(by4) << 32;
      default: return 80'(by4) << 48;
    endcase
  endfunction

  for (genvar c = 0; c < 2; c++) begin : g_lane
    always_ff @(posedge clk_i) begin
      if (side_q[ToX-2][c].flags != '0) x_q[c] <= '0;
      else begin
        x_q[c] <= DspeAccBits'(aligned(product_q[c][21:0], side_q[ToX-2][c].shift));
        if (step[ToX-1].int8) begin
          x_q[c][31:0] <= 32'($signed(product_q[c][15:0]));
          x_q[c][63:32] <= 32'($signed(product_q[c][31:16]));
        end
      end
    end

    // Sums: segment s works in stage ToX + s. It is cleared when a first step is about to come;
    // the drain takes the sum from in front of the register.
    logic [Segs-1:0][Seg-1:0] addend, sum, acc_q;
    logic [Segs-1:0] sign, carry_in, carry_out, carry_q, unused_low;
    logic unused_carry;
    logic [Seg-1:0] x1_q, sum1_q;
    logic [Seg-1:0] x2_q [2];
    logic [Seg-1:0] sum0_q [2];
    logic [2:0] side_flags_q [Segs];
    logic [Segs-1:0] sign_q;
    logic [2:0] flags_q, flags;
    lane_t drain_q;

    always_ff @(posedge clk_i) begin
      x1_q <= x_q[c][Seg+:Seg];
      x2_q[0] <= x_q[c][2*Seg+:Seg];
      x2_q[1] <= x2_q[0];
      sign_q <= {sign_q[Segs-2:0], side_q[ToX-2][c].sign};
      side_flags_q[0] <= side_q[ToX-2][c].flags;
      for (int unsigned s = 1; s < Segs; s++) side_flags_q[s] <= side_flags_q[s-1];
    end

    assign addend = {x2_q[1], x1_q, x_q[c][Seg-1:0]};
    assign sign = sign_q;
    assign unused_carry = carry_q[Segs-1];
    assign carry_in = {carry_q[1], !step[ToX+1].int8 && carry_q[0], sign[0]};

    // A carry into an addition is one more bit below it, so that one carry chain does it all.
    for (genvar s = 0; s < Segs; s++) begin : g_seg
      assign {carry_out[s], sum[s], unused_low[s]} =
          {1'b0, acc_q[s], 1'b1} + {1'b0, addend[s] ^ {Seg{sign[s]}}, carry_in[s]};

      always_ff @(posedge clk_i) begin
        if (valid[ToX+s-1] && step[ToX+s-1].first) acc_q[s] <= '0;
        else if (valid[ToX+s]) acc_q[s] <= sum[s];
        carry_q[s] <= carry_out[s];
      end
    end

    assign flags = side_flags_q[Segs-1] | (step[Stages].first ? '0 : flags_q);

    always_ff @(posedge clk_i) begin
      sum0_q[0] <= sum[0];
      sum0_q[1] <= sum0_q[0];
      sum1_q <= sum[1];
      if (valid[Stages]) flags_q <= flags;
      if (valid[Stages] && step[Stages].last) drain_q <= {flags, sum[2], sum1_q, sum0_q[1]};
    end

    assign drain_o[c] = drain_q;
  end

endmodule
