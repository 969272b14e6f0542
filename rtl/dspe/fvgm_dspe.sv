// Plain DSP-E: the arithmetic unit of the mpu array. Each cycle with en_i it takes one k step:
//   INT8 a 2x2 outer product of signed bytes, into four exact int32 sums,
//   FP16 a 1x2 outer product, into two exact 96-bit fixed-point sums (docs/numerics.md).
//
//   stage 1   INT8: four products               FP16: two significand products, shift, kind
//   stage 2   INT8: passed on                   FP16: aligned magnitudes (unit 2^-48)
//   stage 3   sums
//   stage 4   after last_i: drain register
//
// first_i restarts the sums with this step, last_i copies the sums that include this step to
// drain_o. precision_i belongs to the step; all steps from first_i to last_i have the same.
// Latency: drain_o changes DspeLatency cycles after the step with last_i and holds until the next.
// Throughput: one step per cycle, no handshake. Nothing toggles in a stage without a step, and
// nothing of the other precision's arithmetic. Errors: none. INT8 sums wrap beyond 2^31, FP16 sums
// beyond 2^95 units; the checked K excludes both.
module fvgm_dspe
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

  localparam int unsigned Half = DspeHalfBits;

  typedef struct packed {
    logic first;
    logic last;
    precision_e precision;
  } step_t;

  typedef enum logic [1:0] {ProductFinite, ProductNan, ProductInf} product_kind_e;

  // Product of two FP16: (-1)^sign * sig * 2^shift in units of 2^-48; sig is 0 unless finite.
  typedef struct packed {
    product_kind_e kind;
    logic sign;
    logic [5:0] shift;
    logic [21:0] sig;
  } product_t;

  function automatic product_t fp16_product(logic [15:0] x, logic [15:0] y);
    logic x_sub, y_sub, x_zero, y_zero, x_top, y_top, x_nan, y_nan;
    product_t p;
    x_sub = x[14:10] == '0;
    y_sub = y[14:10] == '0;
    x_top = x[14:10] == '1;
    y_top = y[14:10] == '1;
    x_zero = x[14:0] == '0;
    y_zero = y[14:0] == '0;
    x_nan = x_top && x[9:0] != '0;
    y_nan = y_top && y[9:0] != '0;
    p.sign = x[15] ^ y[15];
    // Exponent field 0 stands for the same power of two as 1, without the hidden bit.
    p.shift = 6'(x[14:10]) + 6'(y[14:10]) - 6'(!x_sub) - 6'(!y_sub);
    p.sig = 22'({!x_sub, x[9:0]}) * 22'({!y_sub, y[9:0]});
    p.kind = ProductFinite;
    if (x_top || y_top) begin
      p.kind = (x_nan || y_nan || x_zero || y_zero) ? ProductNan : ProductInf;
      p.sig = '0;
    end
    return p;
  endfunction

  // A product's 22 bits move up by 0 to 58: first by the low four bits of the shift, then by the
  // rest.
  function automatic logic [Half-1:0] aligned_lo(logic [21:0] sig, logic [5:0] shift);
    logic [36:0] fine;
    fine = 37'(sig) << shift[3:0];
    unique case (shift[5:4])
      2'd0: return Half'(fine);
      2'd1: return {fine[31:0], 16'b0};
      2'd2: return {fine[15:0], 32'b0};
      default: return '0;
    endcase
  endfunction

  function automatic logic [31:0] aligned_hi(logic [21:0] sig, logic [5:0] shift);
    logic [36:0] fine;
    fine = 37'(sig) << shift[3:0];
    unique case (shift[5:4])
      2'd0: return '0;
      2'd1: return 32'(fine[36:32]);
      2'd2: return 32'(fine[36:16]);
      default: return fine[31:0];
    endcase
  endfunction

  // Low half of a sum with its carry: adds the magnitude, or its complement and one.
  function automatic logic [Half:0] sum_lo(logic first, logic [Half-1:0] acc,
                                           logic [Half-1:0] mag, logic sign);
    return {1'b0, first ? '0 : acc} + {1'b0, mag ^ {Half{sign}}} + (Half + 1)'(sign);
  endfunction

  // Sums are kept as two halves, so that no simulated operation is wider than 64 bits. INT8 uses
  // the low 32 bits of each half.
  logic en1_q, en2_q, drain_now_q;
  step_t step1_q, step2_q;
  logic [1:0][1:0][15:0] prod_q;
  product_t [1:0] fp_prod_q;
  logic [1:0][Half-1:0] mag_lo_q;
  logic [1:0][31:0] mag_hi_q;
  logic [1:0] sign_q;
  product_kind_e [1:0] kind_q;
  logic [1:0][Half-1:0] acc_lo_q, acc_hi_q;
  logic [1:0][2:0] flags_q;
  lane_t [1:0] drain_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      en1_q <= 1'b0;
      en2_q <= 1'b0;
      drain_now_q <= 1'b0;
    end else begin
      en1_q <= en_i;
      en2_q <= en1_q;
      drain_now_q <= en2_q && step2_q.last;
    end
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      step1_q <= '{first: first_i, last: last_i, precision: precision_i};
      if (precision_i == PrecInt8) begin
        for (int c = 0; c < 2; c++) begin
          prod_q[c][0] <= 16'($signed(a_i[7:0])) * 16'($signed(b_i[c][7:0]));
          prod_q[c][1] <= 16'($signed(a_i[15:8])) * 16'($signed(b_i[c][7:0]));
        end
      end else begin
        for (int c = 0; c < 2; c++) fp_prod_q[c] <= fp16_product(a_i, b_i[c]);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (en1_q) begin
      step2_q <= step1_q;
      for (int c = 0; c < 2; c++) begin
        if (step1_q.precision == PrecInt8) begin
          mag_lo_q[c] <= Half'($signed(prod_q[c][0]));
          mag_hi_q[c] <= 32'($signed(prod_q[c][1]));
        end else begin
          mag_lo_q[c] <= aligned_lo(fp_prod_q[c].sig, fp_prod_q[c].shift);
          mag_hi_q[c] <= aligned_hi(fp_prod_q[c].sig, fp_prod_q[c].shift);
          sign_q[c] <= fp_prod_q[c].sign;
          kind_q[c] <= fp_prod_q[c].kind;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (en2_q) begin
      for (int c = 0; c < 2; c++) begin
        if (step2_q.precision == PrecInt8) begin
          acc_lo_q[c][31:0] <= (step2_q.first ? 32'd0 : acc_lo_q[c][31:0]) + mag_lo_q[c][31:0];
          acc_hi_q[c][31:0] <= (step2_q.first ? 32'd0 : acc_hi_q[c][31:0]) + mag_hi_q[c];
        end else begin
          acc_lo_q[c] <= Half'(sum_lo(step2_q.first, acc_lo_q[c], mag_lo_q[c], sign_q[c]));
          acc_hi_q[c] <= (step2_q.first ? '0 : acc_hi_q[c])
                         + (Half'(mag_hi_q[c]) ^ {Half{sign_q[c]}})
                         + Half'(sum_lo(step2_q.first, acc_lo_q[c], mag_lo_q[c], sign_q[c])
                                 >> Half);
          flags_q[c] <= (step2_q.first ? 3'd0 : flags_q[c])
                        | {kind_q[c] == ProductNan, kind_q[c] == ProductInf && !sign_q[c],
                           kind_q[c] == ProductInf && sign_q[c]};
        end
      end
    end
    if (drain_now_q) begin
      for (int c = 0; c < 2; c++) drain_q[c] <= {flags_q[c], acc_hi_q[c], acc_lo_q[c]};
    end
  end

  assign drain_o = drain_q;

endmodule
