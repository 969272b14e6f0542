// DSP-E: sizes, latencies, formats of operands and results.
package fvgm_dspe_pkg;

  // Cycles from a step with last_i to its result in drain_o: fvgm_dspe, fvgm_dspe_packed.
  localparam int unsigned DspeLatency = 4;
  localparam int unsigned DspePackedLatency = 10;

  localparam int unsigned DspeAccBits = 96;
  localparam int unsigned DspeHalfBits = DspeAccBits / 2;

  // Result of one column. FP16: acc is the exact sum in units of 2^-48 (two's complement) of the
  // products of finite operands, the flags tell which special products there were. INT8: acc[31:0]
  // is the int32 sum of row 2i, acc[63:32] (fvgm_dspe: acc[79:48]) that of row 2i + 1; all other
  // bits mean nothing.
  typedef struct packed {
    logic nan;
    logic pinf;
    logic ninf;
    logic [DspeAccBits-1:0] acc;
  } lane_t;

  // Chain of DSP-E (fvgm_dspe_chain).
  localparam int unsigned DspeDepth = 8;          // k of one step, DSP58 of a chain
  localparam int unsigned DspeRowBits = 27;       // operand of rows: port A or D of a DSP58
  localparam int unsigned DspeColBits = 24;       // operand of columns: port B
  localparam int unsigned DspeSigBits = 12;       // FP16 significand with sign
  localparam int unsigned DspeRowWindow = DspeRowBits - DspeSigBits + 1;  // exponents that fit: 16
  localparam int unsigned DspeColWindow = DspeColBits - DspeSigBits + 1;  // 13
  localparam int unsigned DspeColSlack = 3;       // further exponents, of numbers that end in zeros
  localparam int unsigned DspeSumBits = 53;       // sum of eight products of aligned operands
  localparam int unsigned DspeSumShift = DspeRowWindow + DspeColWindow - 2;
  localparam int unsigned DspeClasses = 3;        // exponents 0..29 in windows of 13
  localparam int unsigned DspeAlignLatency = 5;   // cycles from fvgm_dspe_align's input to slot 0
  localparam int unsigned DspeChainLatency = 11;  // cycles from slot 0 to drain_o

  typedef enum logic [1:0] {KindNormal, KindZero, KindInf, KindNan} kind_e;

  // What an FP16 operand is, beside its integer (0 for all but KindNormal). INT8: all 0.
  typedef struct packed {
    logic sign;
    kind_e kind;
  } kind_t;

  // {nan, pinf, ninf} that products of eight pairs of operands add to a sum.
  function automatic logic [2:0] special(kind_t [DspeDepth-1:0] x, kind_t [DspeDepth-1:0] y);
    logic [2:0] flags;
    flags = '0;
    for (int unsigned k = 0; k < DspeDepth; k++) begin
      if (x[k].kind == KindNan || y[k].kind == KindNan
          || (x[k].kind == KindInf && y[k].kind == KindZero)
          || (x[k].kind == KindZero && y[k].kind == KindInf)) flags[2] = 1'b1;
      else if (x[k].kind == KindInf || y[k].kind == KindInf) begin
        if (x[k].sign == y[k].sign) flags[1] = 1'b1;
        else flags[0] = 1'b1;
      end
    end
    return flags;
  endfunction

endpackage
