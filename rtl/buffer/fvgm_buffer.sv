// Banked on-chip memory of 128-bit units with several read and write ports.
//
// Unit a lives in bank a mod Banks; each bank does one read and one write per cycle. Addresses wrap
// modulo Units. A read of a unit in the cycle in which it is written returns the old unit; one
// cycle later, the new.
//
// Read port p: rd_addr_i[p] names the first of ReadUnits units, which need not be aligned;
// rd_data_o[p][i] is unit rd_addr_i[p] + i * rd_stride_i[p], two cycles after the accepted request,
// and stays until the next data of this port. The units of a request must lie in different banks: an
// odd stride always does that (1: consecutive units). Ports that share a bank are served lowest
// index first, others in the same cycle. With Strided 0 every stride is 1 and rd_stride_i is ignored:
// the units of a read are the banks, rotated, which takes log4(Banks) levels of four-way multiplexers
// where any stride takes a multiplexer of Banks inputs per unit.
// Write port p: unit i of wr_data_i[p] goes to wr_addr_i[p][i] where wr_mask_i[p][i]. Per bank the
// lowest port, then the lowest unit goes first; a port remembers which of its units are written and
// is ready in the cycle in which the last one is.
//
// Parameters: Units and Banks are powers of two, Banks >= ReadUnits; AddrBits is the width of the
// addresses at the ports (bits above Units are ignored).
// Latency: read 2 cycles, write 0 (accepted is written).
// Throughput: ReadUnits per read port, WriteUnits per write port and cycle, less the bank
// conflicts.
module fvgm_buffer #(
  parameter int unsigned Units      = 2048,
  parameter int unsigned Banks      = 4,
  parameter int unsigned ReadUnits  = 2,
  parameter int unsigned ReadPorts  = 1,
  parameter int unsigned WriteUnits = 2,
  parameter int unsigned WritePorts = 1,
  parameter int unsigned AddrBits   = 20,
  parameter bit          Strided    = 1'b1
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic [ReadPorts-1:0]                     rd_valid_i,
  output logic [ReadPorts-1:0]                     rd_ready_o,
  input  logic [ReadPorts-1:0][AddrBits-1:0]       rd_addr_i,
  input  logic [ReadPorts-1:0][AddrBits-1:0]       rd_stride_i,
  output logic [ReadPorts-1:0][ReadUnits-1:0][127:0] rd_data_o,

  input  logic [WritePorts-1:0]                    wr_valid_i,
  output logic [WritePorts-1:0]                    wr_ready_o,
  input  logic [WritePorts-1:0][WriteUnits-1:0]    wr_mask_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][AddrBits-1:0] wr_addr_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][127:0] wr_data_i
);

  localparam int unsigned UnitBits = $clog2(Units);
  localparam int unsigned BankBits = $clog2(Banks);
  localparam int unsigned RowBits = UnitBits - BankBits;
  localparam int unsigned Rows = Units / Banks;
  localparam int unsigned Writers = WritePorts * WriteUnits;
  localparam int unsigned WriterBits = (Writers > 1) ? $clog2(Writers) : 1;
  localparam string RamStyle = (Rows >= 4096) ? "ultra" : "auto";

  if (Units != 2 ** UnitBits) begin : gen_illegal_units
    $error("fvgm_buffer: Units must be a power of two");
  end
  if (Banks != 2 ** BankBits || Banks < 2) begin : gen_illegal_banks
    $error("fvgm_buffer: Banks must be a power of two, >= 2");
  end
  if (Units < 2 * Banks) begin : gen_illegal_depth
    $error("fvgm_buffer: Units must be at least 2 * Banks");
  end
  if (ReadUnits > Banks || ReadUnits < 1) begin : gen_illegal_read_units
    $error("fvgm_buffer: ReadUnits must be 1 to Banks");
  end
  if (AddrBits < UnitBits) begin : gen_illegal_addr_bits
    $error("fvgm_buffer: AddrBits must hold an address below Units");
  end

  // Writes: requester w = port * WriteUnits + unit, lower goes first.
  logic [Writers-1:0] want, grant, written_d, written_q;
  logic [Writers-1:0][BankBits-1:0] wr_bank;
  logic [Writers-1:0][RowBits-1:0] wr_row;
  logic [Writers-1:0][127:0] wr_data;
  logic [Banks-1:0] bank_we;
  logic [Banks-1:0][WriterBits-1:0] bank_writer;

  for (genvar p = 0; p < WritePorts; p++) begin : gen_wr_port
    for (genvar u = 0; u < WriteUnits; u++) begin : gen_wr_unit
      localparam int unsigned W = p * WriteUnits + u;
      assign want[W] = wr_valid_i[p] && wr_mask_i[p][u] && !written_q[W];
      assign wr_bank[W] = wr_addr_i[p][u][BankBits-1:0];
      assign wr_row[W] = wr_addr_i[p][u][UnitBits-1:BankBits];
      assign wr_data[W] = wr_data_i[p][u];
    end
    assign wr_ready_o[p] = want[p*WriteUnits+:WriteUnits] == grant[p*WriteUnits+:WriteUnits];
  end

  always_comb begin
    grant = want;
    for (int unsigned w = 1; w < Writers; w++) begin
      for (int unsigned v = 0; v < w; v++) begin
        if (want[v] && wr_bank[v] == wr_bank[w]) grant[w] = 1'b0;
      end
    end
  end

  // A bank finds its lowest requester without the grants, which come later.
  always_comb begin
    bank_we = '0;
    bank_writer = '0;
    for (int unsigned b = 0; b < Banks; b++) begin
      for (int w = int'(Writers) - 1; w >= 0; w--) begin
        if (want[w] && wr_bank[w] == BankBits'(b)) begin
          bank_we[b] = 1'b1;
          bank_writer[b] = WriterBits'(w);
        end
      end
    end
  end

  always_comb begin
    written_d = written_q | grant;
    for (int unsigned p = 0; p < WritePorts; p++) begin
      if (wr_ready_o[p]) written_d[p*WriteUnits+:WriteUnits] = '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) written_q <= '0;
    else written_q <= written_d;
  end

  // Reads: the banks that a port needs, and its row in each of them.
  logic [ReadPorts-1:0][Banks-1:0] rd_banks;
  logic [ReadPorts-1:0][Banks-1:0][RowBits-1:0] rd_rows;
  logic [ReadPorts-1:0] rd_take, rd_pending_q;
  logic [Banks-1:0] bank_re;
  logic [Banks-1:0][RowBits-1:0] bank_rd_row;
  logic [Banks-1:0][127:0] bank_rd_data;

  always_comb begin
    rd_ready_o = '1;
    rd_take = '0;
    for (int unsigned p = 0; p < ReadPorts; p++) begin
      for (int unsigned q = 0; q < p; q++) begin
        if (rd_take[q] && (rd_banks[p] & rd_banks[q]) != '0) rd_ready_o[p] = 1'b0;
      end
      rd_take[p] = rd_valid_i[p] && rd_ready_o[p];
    end
  end

  always_comb begin
    bank_re = '0;
    bank_rd_row = '0;
    for (int unsigned p = 0; p < ReadPorts; p++) begin
      if (rd_take[p]) begin
        bank_re = bank_re | rd_banks[p];
        for (int unsigned b = 0; b < Banks; b++) begin
          if (rd_banks[p][b]) bank_rd_row[b] = rd_rows[p][b];
        end
      end
    end
  end

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    fvgm_ram_1r1w #(
      .Width(128),
      .Depth(Rows),
      .RamStyle(RamStyle)
    ) u_ram (
      .clk_i,
      .wr_en_i(bank_we[b]),
      .wr_addr_i(wr_row[bank_writer[b]]),
      .wr_data_i(wr_data[bank_writer[b]]),
      .rd_en_i(bank_re[b]),
      .rd_addr_i(bank_rd_row[b]),
      .rd_data_o(bank_rd_data[b])
    );
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) rd_pending_q <= '0;
    else rd_pending_q <= rd_take;
  end

  // Element i is data[(i + first) mod Banks]. Each level of four-way multiplexers takes two bits of
  // `first`, the highest first; of an odd number of bits the last level takes one. As sums of
  // products the multiplexers of a level have nothing in common, so that each becomes one LUT6 a
  // bit; as trees they would share inner nodes, of which a mapper makes two small LUTs.
  localparam int unsigned PadBits = BankBits % 2;
  localparam int unsigned Levels = (BankBits + PadBits) / 2;

  typedef logic [Banks-1:0][127:0] units_t;

  function automatic units_t rotate(input units_t data, input logic [BankBits-1:0] first);
    logic [2*Levels-1:0] digits;
    units_t from;
    digits = (2 * Levels)'(first) << PadBits;
    for (int level = int'(Levels) - 1; level >= 0; level--) begin
      from = data;
      data = '0;
      for (int unsigned d = 0; d < 4; d++) begin
        if (digits[2*level+:2] == 2'(d)) begin
          data = data | (from >> (128 * ((d << 2 * level) >> PadBits))) |
                  (from << (128 * (Banks - ((d << 2 * level) >> PadBits))));
        end
      end
    end
    return data;
  endfunction

  for (genvar p = 0; p < ReadPorts; p++) begin : gen_rd_port
    if (Strided) begin : gen_strided
      logic [ReadUnits-1:0][BankBits-1:0] bank, bank_q;
      logic [ReadUnits-1:0][RowBits-1:0] row;

      for (genvar i = 0; i < ReadUnits; i++) begin : gen_unit
        assign {row[i], bank[i]} = UnitBits'(rd_addr_i[p])
                                   + UnitBits'(i) * UnitBits'(rd_stride_i[p]);
      end

      always_comb begin
        rd_banks[p] = '0;
        rd_rows[p] = '0;
        for (int unsigned i = 0; i < ReadUnits; i++) begin
          rd_banks[p][bank[i]] = 1'b1;
          rd_rows[p][bank[i]] = row[i];
        end
      end

      always_ff @(posedge clk_i) begin
        if (rd_take[p]) bank_q <= bank;
        if (rd_pending_q[p]) begin
          for (int unsigned i = 0; i < ReadUnits; i++) begin
            rd_data_o[p][i] <= bank_rd_data[bank_q[i]];
          end
        end
      end
    end else begin : gen_consecutive
      localparam logic [Banks-1:0] Window = {Banks{1'b1}} >> (Banks - ReadUnits);
      logic [BankBits-1:0] bank, bank_q;
      logic [RowBits-1:0] row, next_row;
      logic [Banks-1:0] same_row;  // banks in which the row is that of the first unit
      assign {row, bank} = UnitBits'(rd_addr_i[p]);

      always_comb begin
        next_row = row + 1'b1;
        same_row = {Banks{1'b1}} << bank;
        rd_banks[p] = (Window << bank) | (Window >> (Banks - 32'(bank)));
        for (int unsigned b = 0; b < Banks; b++) rd_rows[p][b] = same_row[b] ? row : next_row;
      end

      always_ff @(posedge clk_i) begin
        if (rd_take[p]) bank_q <= bank;
        if (rd_pending_q[p]) rd_data_o[p] <= (128 * ReadUnits)'(rotate(bank_rd_data, bank_q));
      end
    end
  end

  if (AddrBits > UnitBits) begin : gen_unused
    logic unused_addr;
    always_comb begin
      unused_addr = 1'b0;
      for (int unsigned p = 0; p < ReadPorts; p++) begin
        unused_addr ^= ^{rd_addr_i[p][AddrBits-1:UnitBits], rd_stride_i[p][AddrBits-1:UnitBits]};
      end
      for (int unsigned p = 0; p < WritePorts; p++) begin
        for (int unsigned u = 0; u < WriteUnits; u++) begin
          unused_addr ^= ^wr_addr_i[p][u][AddrBits-1:UnitBits];
        end
      end
    end
  end

  `include "fvgm_assert.svh"
  for (genvar p = 0; p < ReadPorts; p++) begin : gen_assert_rd
    `FVGM_ASSERT(UnitsInDifferentBanks, rd_valid_i[p] |-> $countones(rd_banks[p]) == ReadUnits)
  end
  for (genvar p = 0; p < WritePorts; p++) begin : gen_assert
    `FVGM_ASSERT(WriteHeld, wr_valid_i[p] && !wr_ready_o[p] |=> wr_valid_i[p] &&
                 $stable(wr_mask_i[p]) && $stable(wr_addr_i[p]))
  end

endmodule
